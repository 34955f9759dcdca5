import { register as registerAfterword } from 'afterword/next'

export async function register(): Promise<void> {
  // Left out by a test: that is then reported.
  if (process.env.UNREGISTERED === undefined) await registerAfterword({ concurrency: 1 })
  const { listen } = await import('./listen.ts')
  listen()
}
