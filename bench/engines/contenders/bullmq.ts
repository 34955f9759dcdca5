import { randomUUID } from 'node:crypto'
import { type JobsOptions, Queue, Worker, type WorkerOptions } from 'bullmq'
import type { Payload } from '../../journal/payload.ts'
import type { Contender, Place } from '../contender.ts'
import { EngineTable } from '../engine-table.ts'

const job = 'send-welcome'
/** The most calls in one `addBulk`. */
const mostAtOnce = 1000

interface Settings {
  readonly worker: Partial<WorkerOptions>
  readonly job: JobsOptions
  /** A call has an id of its own, under which it can be added again. */
  readonly hasIds: boolean
}

/** As safe as Afterword on BullMQ: the same ids, retries, locks, looks for dead workers, and retention. */
const safe: Settings = {
  worker: { lockDuration: 10_000, stalledInterval: 1000, maxStalledCount: 1_000_000 },
  job: {
    attempts: 6,
    backoff: { type: 'exponential', delay: 1000, jitter: 1 },
    removeOnComplete: { age: 3600, count: 10_000 },
    removeOnFail: { age: 7 * 24 * 3600, count: 100_000 },
  },
  hasIds: true,
}
const asDelivered: Settings = { worker: {}, job: {}, hasIds: false }

async function open(place: Place, settings: Settings): Promise<Contender> {
  const { port, hostname: host } = new URL(place.url)
  const connection = { host, port: Number(port), maxRetriesPerRequest: null }
  const shared = { connection, prefix: place.name }
  const queue = new Queue<Payload>(job, shared)
  await queue.waitUntilReady()
  const table = await EngineTable.open(place, job)
  const optionsOf = () => (settings.hasIds ? { ...settings.job, jobId: randomUUID() } : settings.job)
  return {
    add: (data) => queue.add(job, data, optionsOf()),
    async addAll(all) {
      for (let from = 0; from < all.length; from += mostAtOnce) {
        const group = all.slice(from, from + mostAtOnce)
        await queue.addBulk(group.map((data) => ({ name: job, data, opts: optionsOf() })))
      }
    },
    async work(concurrency, run) {
      const worker = new Worker<Payload>(job, async ({ data }) => void (await run(data)), {
        ...shared,
        ...settings.worker,
        concurrency,
      })
      worker.on('error', console.error)
      await worker.waitUntilReady()
      return () => worker.close()
    },
    clear: () => table.clear(),
  }
}

export const safeBullmq = (place: Place) => open(place, safe)
export const defaultBullmq = (place: Place) => open(place, asDelivered)
