import { bullmq } from '../../../src/engines/bullmq.ts'
import { pgBoss } from '../../../src/engines/pg-boss.ts'
import { configure, currentTask, instance, job, subscribe } from '../../../src/index.ts'

/** The settings of a process on an engine. */
export interface WorkerSettings {
  readonly url: string
  /** The schema of pg-boss, or the prefix of BullMQ. */
  readonly schema?: string
  readonly prefix?: string
  readonly concurrency?: number
  /** The folder of a journal before the engine. */
  readonly folder?: string
  /** Runs of "note" end when the program is told to go on. */
  readonly waits?: boolean
}

const settings: WorkerSettings = JSON.parse(process.argv[2] as string)
const { url, schema, prefix, concurrency = 200, folder, waits = false } = settings

subscribe('report', ({ error }) => process.send?.({ type: 'report', code: error.code }))
subscribe('task:ended', ({ task, outcome }) => {
  process.send?.({ type: 'ended', id: task.id, name: task.name, status: outcome.status })
})
configure({
  engine:
    schema === undefined
      ? bullmq({ connection: url, ...(prefix && { prefix }) })
      : pgBoss({ connectionString: url, schema }),
  worker: { concurrency },
  ...(folder !== undefined && { journal: folder }),
})

const gate = Promise.withResolvers<void>()
const Note = job(
  'note',
  (what: string) => {
    process.send?.({ type: 'ran', what, id: currentTask()?.id, attempt: currentTask()?.attempt, pid: process.pid })
    return waits ? gate.promise : undefined
  },
  { timeout: 600_000 },
)

process.on('message', async (message: { type: string; what: string }) => {
  if (message.type === 'go on') gate.resolve()
  if (message.type === 'close') {
    await instance().close()
    process.disconnect()
  }
  if (message.type !== 'dispatch') return
  const { what } = message
  await Note.dispatch(what).then(
    (id) => process.send?.({ type: 'accepted', what, id }),
    ({ code, status }) => process.send?.({ type: 'refused', what, code, status }),
  )
})
process.send?.({ type: 'ready' })
