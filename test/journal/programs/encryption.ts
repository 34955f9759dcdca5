import { type Afterword, configure, currentTask, instance, job, subscribe } from '../../../src/index.ts'

// A process with a journal and, if one is given, a key to seal it with. What it keeps never ends in it; other processes' records do.
const [folder = '', key = '', ...previous] = process.argv.slice(2)
subscribe('report', ({ error }) => process.send?.({ type: 'report', code: error.code, message: error.message }))
configure({
  journal: { path: folder, ...(key !== '' && { encrypt: { key, previous } }) },
  shutdownTimeout: 1,
  // A busy machine may interrupt any task for a while.
  slowTask: Infinity,
}) satisfies Afterword

const mine = new Set<string>()
const Note = job('note', (what: string) => {
  process.send?.({ type: 'ran', what, id: currentTask()?.id })
  return mine.has(what) ? new Promise(() => {}) : undefined
})

process.on('message', async (message: { type: 'keep' | 'share' | 'close'; what: string }) => {
  if (message.type === 'close') {
    await instance().close()
    process.send?.({ type: 'closed' })
    return process.disconnect()
  }
  mine.add(message.what)
  const { id, accepted } =
    message.type === 'keep'
      ? Note.defer(message.what)
      : { id: await Note.with({ delay: 1 }).dispatch(message.what), accepted: undefined }
  await accepted
  process.send?.({ type: 'kept', what: message.what, id })
})
const { moduleLoadList } = process as unknown as { moduleLoadList: string[] }
process.send?.({ type: 'ready', cryptography: moduleLoadList.includes('NativeModule crypto') })
