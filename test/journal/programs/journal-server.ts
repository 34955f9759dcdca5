import { configure, currentTask, instance, job, subscribe } from '../../../src/index.ts'

// A process with a journal, told by messages what to keep. `hang` never ends in the process that got it first.
const [folder = '', name = ''] = process.argv.slice(2)
subscribe('report', ({ error }) => process.send?.({ type: 'report', code: error.code, message: error.message }))
// A busy machine may interrupt any task for a while.
configure({ journal: folder, shutdownTimeout: 1, slowTask: Infinity })

const mine = new Set<string>()
const tell = (job: string, what: string) => {
  process.send?.({ type: 'ran', job, what, id: currentTask()?.id, attempt: currentTask()?.attempt, by: name })
}
const jobs = {
  hang: job('hang', async (what: string) => {
    tell('hang', what)
    if (mine.has(what)) await new Promise(() => {})
  }),
  stay: job('stay', (what: string) => {
    tell('stay', what)
    return new Promise(() => {})
  }),
  kill: job('kill', (what: string) => {
    tell('kill', what)
    // Not before it is kept; nor before the message has left.
    if (mine.has(what)) return new Promise(() => {})
    return new Promise(() => setImmediate(() => process.kill(process.pid, 'SIGKILL')))
  }),
  note: job('note', (what: string) => tell('note', what)),
}

process.on('message', async (message: { type: 'keep' | 'close'; job: keyof typeof jobs; what: string }) => {
  if (message.type === 'close') {
    await instance().close()
    process.send?.({ type: 'closed' })
    return process.disconnect()
  }
  mine.add(message.what)
  const id = await jobs[message.job].dispatch(message.what)
  process.send?.({ type: 'kept', what: message.what, id })
})
process.send?.({ type: 'ready' })
