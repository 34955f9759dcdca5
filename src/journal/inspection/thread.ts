import { parentPort, workerData } from 'node:worker_threads'
import { FailureWriter } from './failure-writer.ts'
import type { Answer, Question } from './inspection-thread.ts'
import { JournalFiles } from './journal-files.ts'
import { PauseWriter } from './pause-writer.ts'
import { RecordCounter } from './record-counter.ts'
import { RecordOverview } from './record-overview.ts'
import { RecordPages } from './record-pages.ts'
import { RecordReader } from './record-reader.ts'

// The thread of an inspection: no lock and no disk that the inspection waits for blocks the thread of the requests.
const started = new Map<number, Iterator<unknown>>()
const parts = {
  reader: RecordReader,
  counter: RecordCounter,
  pages: RecordPages,
  overview: RecordOverview,
  writer: FailureWriter,
  pauses: PauseWriter,
}
let files: JournalFiles | undefined

function start({ method: [part, name], args }: Question): Iterator<unknown> {
  if (files === undefined) files = new JournalFiles(workerData as string)
  // A look at a journal may last for days: processes that have started since are seen.
  else files.openNew()
  const target = new parts[part](files)
  const method = target[name as keyof typeof target] as unknown as (...args: readonly unknown[]) => Iterator<unknown>
  return method.apply(target, args as unknown[])
}

parentPort?.on('message', (question: Question) => {
  const { call } = question
  try {
    const iterator = started.get(call) ?? start(question)
    const { value, done = false } = question.ends ? { value: undefined, done: true } : iterator.next()
    if (done) started.delete(call)
    else started.set(call, iterator)
    parentPort?.postMessage({ call, value, done, unreadable: files?.unreadable ?? [] } satisfies Answer)
  } catch (error) {
    started.delete(call)
    parentPort?.postMessage({ call, value: undefined, done: true, error, unreadable: files?.unreadable ?? [] })
  }
})
