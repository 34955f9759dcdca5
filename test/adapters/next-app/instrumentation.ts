import { register as registerAfterword } from 'afterword/next'

export async function register(): Promise<void> {
  // Left out by a test: that is then reported.
  const { JOURNAL: journal, UNREGISTERED } = process.env
  if (UNREGISTERED === undefined) await registerAfterword({ concurrency: 1, ...(journal !== undefined && { journal }) })
  const { listen } = await import('./listen.ts')
  listen()
  if (process.env.NEXT_RUNTIME === 'nodejs') await import('./jobs.ts')
}
