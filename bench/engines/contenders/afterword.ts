import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Afterword, subscribe } from 'afterword'
import { type Payload, payload } from '../../journal/payload.ts'
import type { Contender, Place, Run } from '../contender.ts'
import { engineOf } from '../engine-option.ts'
import { EngineTable } from '../engine-table.ts'

const job = 'send-welcome'
/** The queue of the job: its name and its version. */
const queue = `afterword/${job}/1`

/** The reports that are no fault of the measurement: calls wait on purpose. */
const planned = ['AFTERWORD_NO_WORKER']
subscribe('report', ({ error }) => {
  if (!planned.includes(error.code)) console.error(error)
})

interface Kept {
  readonly by: 'memory' | 'journal' | 'engine' | 'journal, then engine'
  readonly sync?: 'normal' | 'full'
}

async function open(place: Place, { by, sync = 'normal' }: Kept): Promise<Contender> {
  let run: Run = () => {}
  const hasEngine = by === 'engine' || by === 'journal, then engine'
  const hasJournal = by === 'journal' || by === 'journal, then engine'
  const afterword = new Afterword({
    ...(hasEngine && { engine: engineOf(place) }),
    ...(hasJournal && { journal: { path: place.folder, sync } }),
    worker: false,
    signals: false,
  })
  const SendWelcome = afterword.job(job, (data: Payload) => run(data))
  let table: EngineTable | undefined
  if (hasEngine) {
    // Connected, and the queue is there: the first call makes it.
    await SendWelcome.with({ confirm: 'engine' }).dispatch(payload())
    table = await EngineTable.open(place, queue)
  }
  return {
    add: (data) => SendWelcome.dispatch(data),
    async addAll(all) {
      const before = (await table?.waiting()) ?? 0
      await Promise.all(all.map((data) => SendWelcome.dispatch(data)))
      if (table === undefined || !hasJournal) return
      // Counting costs the engine time: it is asked when this process knows of no call that is on its way.
      do while (afterword.status().sending > 0) await pause(1)
      while ((await table.waiting()) - before < all.length)
    },
    forward: (all) => forward(place, all, table as EngineTable),
    async work(concurrency, handler) {
      run = handler
      // What is in memory runs in its process.
      if (by === 'memory') return () => {}
      const worker = afterword.work({ concurrency })
      return () => worker.stop()
    },
    clear: async () => table?.clear(),
  }
}

/** One process has left calls in a folder; the next one has the engine. */
async function forward(place: Place, all: readonly Payload[], table: EngineTable): Promise<number> {
  const shared = { journal: mkdtempSync(join(place.folder, 'backlog-')), worker: false, signals: false }
  {
    await using left = new Afterword(shared)
    const SendWelcome = left.job(job, (_data: Payload) => {})
    await Promise.all(all.map((data) => SendWelcome.dispatch(data)))
  }
  const before = await table.waiting()
  await using afterword = new Afterword({ ...shared, engine: engineOf(place) })
  afterword.job(job, (_data: Payload) => {})
  const arrived = async () => (await table.waiting()) - before
  let first = 0
  for (; first === 0; first = await arrived()) await pause(1)
  const began = performance.now()
  do while (afterword.status().sending > 0) await pause(1)
  while ((await arrived()) < all.length)
  return (1000 * (all.length - first)) / (performance.now() - began)
}

export const inMemory = (place: Place) => open(place, { by: 'memory' })
export const inJournal = (place: Place) => open(place, { by: 'journal' })
export const inSyncedJournal = (place: Place) => open(place, { by: 'journal', sync: 'full' })
export const onEngine = (place: Place) => open(place, { by: 'engine' })
export const behindJournal = (place: Place) => open(place, { by: 'journal, then engine' })
