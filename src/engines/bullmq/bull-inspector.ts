import type {
  Changed,
  ListedDatabase,
  ListedRecord,
  Overview,
  PageQuery,
  RecordFilter,
  RecordPage,
  ShownRecord,
  State,
  StateCount,
} from '../../journal/inspection/listed.ts'
import { readCursor, writeCursor } from '../../journal/inspection/page-cursor.ts'
import { listedCall, shownCall } from '../listed-call.ts'
import { plainError } from '../plain-error.ts'
import { jobOfQueue, prefix as queuePrefix } from '../queue-name.ts'
import { isUuid, type StoredCall } from '../stored-call.ts'
import type { BullJob, BullPackage, BullQueue } from './bull.ts'
import { loadBull, loadRedis } from './bull-package.ts'
import { defaultPrefix } from './queue-settings.ts'
import type { RedisClient } from './redis.ts'
import { removeCall, retryCall } from './redis-scripts.ts'

/** The most calls of a page. */
const pageSize = 500
/** The most reads for one page of calls. */
const mostLooked = 20
/** The number of keys that Redis looks at before it answers something else. */
const scanSize = 1000

/** The states of BullMQ whose calls are listed, and those that are shown for them. */
const states: Readonly<Record<string, State>> = {
  failed: 'failed',
  active: 'running',
  waiting: 'pending',
  prioritized: 'pending',
  delayed: 'pending',
}

/** The end of a page: the state and the queue that it is in, and the place there. */
interface Cursor {
  readonly part: number
  readonly queue: number
  readonly start: number
}

function isCursor({ part, queue, start }: Partial<Cursor>): boolean {
  return [part, queue, start].every((each) => Number.isInteger(each) && Number(each) >= 0)
}

/** The state in which calls of a state of BullMQ are shown in pages. */
const shownAs = (state: string) => (state === 'delayed' ? 'later' : states[state])

/** A call, with the queue and the state in which it was found. */
interface Found {
  readonly queue: BullQueue
  readonly job: BullJob
  readonly state: string
  /** The time at which a delayed call is due. */
  readonly due?: number
}

/** The inspector looks at the calls of jobs in the queues of BullMQ, and changes those that do not run. */
export class BullInspector implements AsyncDisposable {
  readonly unreadable: readonly string[] = []
  readonly #client: RedisClient
  readonly #queues: readonly BullQueue[]

  private constructor(client: RedisClient, queues: readonly BullQueue[]) {
    this.#client = client
    this.#queues = queues
  }

  /** @param url that of Redis; `?prefix=jobs` names a prefix other than `bull` */
  static async open(url: string): Promise<BullInspector> {
    const parsed = new URL(url)
    const prefix = parsed.searchParams.get('prefix') ?? defaultPrefix
    parsed.searchParams.delete('prefix')
    const bull = loadBull()
    const client = loadRedis(parsed.href)({ lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: null })
    // An error of its own says why there is no connection; that of the command is another one.
    let trouble: Error | undefined
    client.on('error', (error) => void (trouble ??= error))
    try {
      await client.connect()
      const queues = await queuesIn(client, bull, prefix)
      if (queues.length > 0) return new BullInspector(client, queues)
    } catch (cause) {
      client.disconnect()
      throw new Error(`Redis can't be read: ${plainError(trouble ?? (cause as Error)).message}`)
    }
    client.disconnect()
    throw new Error(`There are no queues of Afterword in Redis under the prefix "${prefix}".`)
  }

  /** Counts the calls of each queue. */
  async databases(): Promise<ListedDatabase[]> {
    return Promise.all(
      this.#queues.map(async (queue) => {
        const counts = await queue.getJobCounts(...(Object.keys(states) as never[]))
        const count = (of: State) =>
          Object.entries(states).reduce((sum, [state, shown]) => sum + (shown === of ? (counts[state] ?? 0) : 0), 0)
        const [running, pending, failed] = [count('running'), count('pending'), count('failed')]
        return { name: queue.name, running, pending, failed, alive: undefined, stuck: [], paused: [] }
      }),
    )
  }

  /** Yields pages: what has failed, then the others, queue by queue. */
  async *records({ state, job, limit = Infinity }: RecordFilter = {}): AsyncGenerator<ListedRecord[]> {
    let left = limit
    for (const part of [['failed'], ['active', 'waiting', 'prioritized', 'delayed']]) {
      for (const wanted of part.filter((each) => state === undefined || states[each] === state)) {
        for await (const page of this.#pages(wanted)) {
          const records = page.map(listed).filter((record) => job === undefined || record.job === job)
          if (records.length > 0) yield records.slice(0, left)
          left -= records.length
          if (left <= 0) return
        }
      }
    }
  }

  /** Reads a page of calls, state by state and queue by queue, the newest first. A page with a filter may have few. */
  async page({ state, job, search, cursor, limit }: PageQuery): Promise<RecordPage> {
    const given = search === undefined ? undefined : await this.find(search)
    if (given !== undefined) return { records: [shownCall(given)], next: undefined }
    const parts = Object.keys(states).filter((each) => state === undefined || shownAs(each) === state)
    const wanted = search?.toLowerCase()
    const isWanted = ({ job: name, key, error }: ShownRecord) =>
      (job === undefined || name === job) &&
      (wanted === undefined || [name, key, error].some((text) => text?.toLowerCase().includes(wanted)))
    let { part, queue, start } = readCursor<Cursor>(cursor, isCursor) ?? { part: 0, queue: 0, start: 0 }
    for (let looked = 0; part < parts.length; ) {
      const from = this.#queues[queue]
      if (from === undefined) {
        ;[part, queue, start] = [part + 1, 0, 0]
        continue
      }
      const inState = parts[part] as string
      const jobs = await from.getJobs([inState] as never, start, start + pageSize - 1, false)
      const found = jobs.flatMap((each) => (each?.id ? [this.#found(from, each, inState)] : []))
      const all = (await Promise.all(found)).map((each) => shownCall(listed(each)))
      const records = all.filter(isWanted).slice(0, limit)
      const isCut = records.length === limit && records.at(-1)?.id !== all.at(-1)?.id
      if (isCut) start += 1 + all.findIndex(({ id }) => id === records.at(-1)?.id)
      else if (jobs.length === pageSize) start += pageSize
      else [queue, start] = [queue + 1, 0]
      if (records.length > 0 || ++looked === mostLooked) return { records, next: writeCursor({ part, queue, start }) }
    }
    return { records: [], next: undefined }
  }

  /** Counts the calls by job and state. Of processes Redis tells nothing. */
  async overview(): Promise<Overview> {
    const counts: StateCount[] = []
    for (const { name, states: of } of await Promise.all(this.#queues.map((queue) => countsOf(queue)))) {
      const { failed = 0, active = 0, waiting = 0, prioritized = 0, delayed = 0 } = of
      const byState = { failed, running: active, pending: waiting + prioritized, later: delayed }
      for (const [state, count] of Object.entries(byState))
        if (count > 0) counts.push({ job: jobOfQueue(name), state: state as StateCount['state'], count })
    }
    return { counts, processes: [], suspects: [], paused: [] }
  }

  async find(id: string): Promise<ListedRecord | undefined> {
    const found = await this.#find(id)
    return found && listed(found)
  }

  async count(): Promise<number> {
    return (await this.databases()).reduce((sum, { failed }) => sum + failed, 0)
  }

  /** Makes failed calls pending again, their attempts forgotten. A call stays failed where its unique key is another one's by now. */
  retry(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, ({ queue, job, state }) => {
      if (state !== 'failed') return Promise.resolve(false)
      const again = { ...(job.data as StoredCall), attempt: 0, heard: 0, reason: undefined }
      return retryCall(this.#client, queue, job.id as string, again)
    })
  }

  /** Deletes failed calls; with `ids`, also calls that wait. */
  discard(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, ({ queue, job }) => removeCall(this.#client, queue, job.id as string, true))
  }

  /** Makes calls due that wait for a later time. */
  run(ids: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, async ({ job, state }) => {
      if (state !== 'delayed') return false
      // Another process may be faster.
      return job.promote().then(
        () => true,
        () => false,
      )
    })
  }

  async *#change(
    ids: readonly string[] | undefined,
    change: (found: Found) => Promise<boolean>,
  ): AsyncGenerator<Changed[]> {
    const changed = async (id: string, queues: readonly BullQueue[]): Promise<Changed> => {
      const found = await this.#find(id, queues)
      return { id, done: found !== undefined && (await change(found)) }
    }
    for (const id of ids ?? []) yield [await changed(id, this.#queues)]
    if (ids !== undefined) return
    for (const queue of this.#queues) {
      // All ids first: what is changed leaves its place to the next one.
      const pages: string[][] = []
      for await (const page of this.#pagesOf(queue, 'failed')) pages.push(page.map(({ job }) => job.id as string))
      for (const page of pages) yield await Promise.all(page.map((id) => changed(id, [queue])))
    }
  }

  async #find(id: string, queues = this.#queues): Promise<Found | undefined> {
    if (!isUuid(id)) return undefined
    for (const queue of queues) {
      const job = await queue.getJob(id)
      if (job === undefined) continue
      const state = await queue.getJobState(id)
      if (Object.hasOwn(states, state)) return this.#found(queue, job, state)
    }
    return undefined
  }

  async *#pages(state: string): AsyncGenerator<Found[]> {
    for (const queue of this.#queues) yield* this.#pagesOf(queue, state)
  }

  async *#pagesOf(queue: BullQueue, state: string): AsyncGenerator<Found[]> {
    for (let start = 0, isLast = false; !isLast; start += pageSize) {
      const jobs = await queue.getJobs([state] as never, start, start + pageSize - 1, true)
      isLast = jobs.length < pageSize
      // A job may have gone while the page was read.
      const page = await Promise.all(jobs.flatMap((job) => (job?.id ? [this.#found(queue, job, state)] : [])))
      if (page.length > 0) yield page
    }
  }

  async #found(queue: BullQueue, job: BullJob, state: string): Promise<Found> {
    if (state !== 'delayed') return { queue, job, state }
    const score = await this.#client.zscore(queue.toKey('delayed'), job.id as string)
    // BullMQ keeps the order of calls that are due at the same time in the last bits.
    return { queue, job, state, ...(score !== null && { due: Math.floor(Number(score) / 0x1000) }) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.close()))
    this.#client.disconnect()
  }
}

/** Finds the queues of all jobs: BullMQ keeps no list of them, but some settings of each. */
async function queuesIn(client: RedisClient, bull: BullPackage, prefix: string): Promise<BullQueue[]> {
  const names = new Set<string>()
  const [before, after] = [`${prefix}:`, ':meta']
  const match = `${before.replaceAll(/[*?[\]\\^]/g, '\\$&')}${queuePrefix}*${after}`
  for await (const keys of client.scanStream({ match, count: scanSize })) {
    for (const key of keys) names.add(key.slice(before.length, -after.length))
  }
  const options = { connection: client as never, prefix, skipVersionCheck: true, skipMetasUpdate: true }
  return [...names].sort().map((name) => {
    const queue = new bull.Queue(name, options)
    queue.on('error', () => {})
    return queue
  })
}

async function countsOf(queue: BullQueue) {
  return { name: queue.name, states: await queue.getJobCounts(...(Object.keys(states) as never[])) }
}

function listed({ queue, job, state, due }: Found): ListedRecord {
  const { id = '', data, timestamp, finishedOn, stacktrace } = job
  return listedCall(data, {
    id,
    queue: queue.name,
    state: states[state] as State,
    created: timestamp,
    runAt: due ?? timestamp,
    endedAt: finishedOn,
    error: stacktrace?.at(-1),
  })
}
