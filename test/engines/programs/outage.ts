import { setTimeout } from 'node:timers/promises'
import { bullmq } from '../../../src/engines/bullmq.ts'
import { pgBoss } from '../../../src/engines/pg-boss.ts'
import { configure, instance, job } from '../../../src/index.ts'

/** The settings of one of the two processes: the one with a folder dispatches calls, the other one runs them. */
export interface OutageSettings {
  readonly engine: 'pg-boss' | 'bullmq'
  readonly url: string
  readonly calls: number
  /** The least time in s that the calls take. @default as little as they need */
  readonly seconds?: number
  readonly folder?: string
}

const { engine, url, calls, seconds = 0, folder }: OutageSettings = JSON.parse(process.argv[2] as string)
/** The calls that are dispatched at once. */
const atOnce = 500
const everyProgress = 200

/** The number of runs of each call. */
const runs = new Uint8Array(folder === undefined ? calls : 0)
let ran = 0
let twice = 0

configure({
  engine: engine === 'pg-boss' ? pgBoss({ connectionString: url }) : bullmq({ connection: url }),
  ...(folder === undefined ? { worker: { concurrency: 500 } } : { journal: folder, worker: false }),
})
const Note = job('note', (call: number) => {
  const before = runs[call] as number
  runs[call] = Math.min(255, before + 1)
  if (before > 0) twice++
  else if (++ran === calls) process.send?.({ type: 'all ran' })
})

/** The memory of the process in bytes, once what is garbage is gone. */
function memory(): { heap: number; rss: number } {
  global.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

async function dispatchAll(): Promise<void> {
  const quarter = Math.ceil(calls / 4)
  const begun = performance.now()
  for (let call = 0; call < calls; call += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, calls - call) }, (_, index) => Note.dispatch(call + index))
    await Promise.all(group)
    const accepted = call + group.length
    const early = begun + (1000 * seconds * accepted) / calls - performance.now()
    if (early > 5) await setTimeout(early)
    if (Math.floor(accepted / quarter) > Math.floor(call / quarter) || accepted === calls) {
      process.send?.({ type: 'accepted', accepted, ...memory() })
    }
  }
  process.send?.({ type: 'all accepted' })
}

process.on('message', async ({ type }: { type: string }) => {
  if (type === 'dispatch') await dispatchAll()
  if (type === 'counts') process.send?.({ type: 'counts', ran, twice, ...memory() })
  if (type === 'status') process.send?.({ type: 'status', ...instance().status(), ...memory() })
  if (type !== 'close') return
  await instance().close()
  process.disconnect()
})
if (folder === undefined) setInterval(() => process.send?.({ type: 'progress', ran, twice }), everyProgress)
process.send?.({ type: 'ready' })
