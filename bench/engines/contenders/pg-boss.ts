import { randomUUID } from 'node:crypto'
import { type ConstructorOptions, PgBoss, type Queue, type WorkOptions } from 'pg-boss'
import type { Payload } from '../../journal/payload.ts'
import type { Contender, Place } from '../contender.ts'
import { EngineTable } from '../engine-table.ts'

const job = 'send-welcome'
/** The most calls in one `insert`. */
const mostAtOnce = 1000

interface Settings {
  readonly boss: Partial<ConstructorOptions>
  readonly queue: Omit<Queue, 'name'>
  /** The options of a worker that runs so many calls at once. */
  readonly work: (concurrency: number) => WorkOptions
  readonly hasIds: boolean
}

/**
 * As safe as Afterword on pg-boss: the same ids, retries, heartbeats, looks for dead workers, wake-ups and retention; pg-boss itself fences
 * the end of a run. Each job of a batch has an end of its own, which is stored with the last one.
 */
const safe: Settings = {
  boss: { schedule: false, useListenNotify: true, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 },
  queue: {
    notify: true,
    heartbeatSeconds: 10,
    expireInSeconds: 24 * 3600 - 1,
    retryLimit: 5,
    retryDelay: 1,
    retryBackoff: true,
    deleteAfterSeconds: 3600,
    retentionSeconds: 10 * 365 * 24 * 3600,
  },
  work: (concurrency) => ({
    batchSize: concurrency / 4,
    localConcurrency: 4,
    burstWhenBatchFull: true,
    // The least that pg-boss allows: a worker whose batch was not full waits until then, or for a notification.
    notifyPollingIntervalSeconds: 0.5,
    pollingIntervalSeconds: 0.5,
  }),
  hasIds: true,
}
/** But for the batch: one job every two seconds would not do for any number of calls. */
const asDelivered: Settings = {
  boss: { schedule: false },
  queue: {},
  work: (batchSize) => ({ batchSize }),
  hasIds: false,
}

async function open(place: Place, settings: Settings): Promise<Contender> {
  const boss = new PgBoss({ connectionString: place.url, schema: place.name, ...settings.boss })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue(job, settings.queue)
  const table = await EngineTable.open(place, job)
  const idOf = () => (settings.hasIds ? { id: randomUUID() } : {})
  return {
    add: (data) => boss.send(job, data, idOf()),
    async addAll(all) {
      for (let from = 0; from < all.length; from += mostAtOnce) {
        const group = all.slice(from, from + mostAtOnce)
        await boss.insert(
          job,
          group.map((data) => ({ data, ...idOf() })),
        )
      }
    },
    async work(concurrency, run) {
      const options = { ...settings.work(concurrency), perJobResults: true as const }
      await boss.work<Payload>(job, options, (jobs) =>
        Promise.all(
          jobs.map(async ({ id, data }) => {
            try {
              await run(data)
              return { id, status: 'completed' as const }
            } catch (output) {
              return { id, status: 'failed' as const, output: output as object }
            }
          }),
        ),
      )
      return () => boss.offWork(job)
    },
    clear: () => table.clear(),
  }
}

export const safePgBoss = (place: Place) => open(place, safe)
export const defaultPgBoss = (place: Place) => open(place, asDelivered)
