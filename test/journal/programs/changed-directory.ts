import { mkdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import threads from 'node:worker_threads'
import { configure, job, subscribe } from '../../../src/index.ts'

// A process that is given a relative path, and changes its directory. Its journal's thread is ended when the test says so.

const started: threads.Worker[] = []
const { Worker } = threads
threads.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args)
    started.push(this)
  }
}
syncBuiltinESMExports()

const tell = (message: object) => process.send?.(message)
const root = process.argv[2] as string
for (const name of ['app', 'other']) mkdirSync(join(root, name), { recursive: true })
process.chdir(join(root, 'app'))
subscribe('report', ({ error: { code } }) => code !== 'AFTERWORD_SLOW_TASK' && tell({ type: 'report', code }))
configure({ journal: 'journal' })
const Note = job('note', () => void tell({ type: 'ran' }))
job('hang', (what: string) => void tell({ type: 'adopted', what }))
process.chdir(join(root, 'other'))
tell({ type: 'changed' })
process.on('message', async ({ type }: { type: string }) => {
  if (type === 'defer') Note.defer()
  if (type === 'dispatch') {
    await Note.with({ delay: 3_600_000 }).dispatch()
    tell({ type: 'dispatched' })
  }
  if (type !== 'restart') return
  const count = started.length
  await started[0]?.terminate()
  while (started.length === count) await new Promise(setImmediate)
  tell({ type: 'restarted' })
})
