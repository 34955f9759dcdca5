import { configure, currentTask, defer, job } from '../../../src/index.ts'

// What `afterword work` is given: a journal, and jobs.
const { JOBS_FOLDER, JOBS_TIMEOUT, JOBS_SIGNALS, JOBS_STAY } = process.env
configure({
  journal: String(JOBS_FOLDER),
  shutdownTimeout: Number(JOBS_TIMEOUT ?? 10_000),
  signals: JOBS_SIGNALS !== 'false',
  // A busy machine may interrupt a task: what the command prints must not depend on that.
  slowTask: Infinity,
})

job('say', (what: string) => console.log(`said ${what}`))
job('fail', (): unknown => Promise.reject(new Error('no luck')), { retries: 0 })
/** Ends when the process is told to. */
job('stay', () => {
  console.log('staying')
  if (JOBS_STAY !== undefined) return new Promise<void>((resolve) => process.once('SIGUSR2', () => resolve()))
  return new Promise<void>((resolve) => process.once('SIGTERM', () => setImmediate(resolve)))
})
/** Leaves something that is nowhere but in memory. */
job('leave', () => {
  defer(function forgotten() {
    return new Promise(() => {})
  })
  console.log('left', currentTask()?.name)
})
