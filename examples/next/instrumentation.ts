import { register as registerAfterword } from 'afterword/next'

export async function register(): Promise<void> {
  await registerAfterword({ journal: process.env.JOURNAL ?? 'data/afterword' })
  // What an earlier process has left runs at once, not only when a page that has the job is asked for.
  if (process.env.NEXT_RUNTIME === 'nodejs') await import('./app/jobs')
}
