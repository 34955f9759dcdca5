import { configure, instance, job, subscribe } from '../../../src/index.ts'

// A process that is killed in the moment in which it knows that a call is cancelled, which has just left its memory.

const [folder = ''] = process.argv.slice(2)
const afterword = configure({ journal: folder })
const Fail = job('fail', () => Promise.reject(new Error('no luck')), { backoff: 3_600_000 })
subscribe('task:retrying', ({ task }) => {
  setImmediate(() => {
    void instance()
      .cancel(task.id)
      .then((done) => {
        process.send?.({ type: 'cancelled', id: task.id, done })
        process.kill(process.pid, 'SIGKILL')
      })
  })
})
await Fail.dispatch()
// What the journal's thread needs to begin.
await afterword.drain({ timeout: 60_000 })
