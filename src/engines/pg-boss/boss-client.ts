import { waitFor, within } from '../../timers.ts'
import type { EngineCall, EngineClient, EngineHost, EngineWork } from '../engine.ts'
import { rootOf } from '../plain-error.ts'
import { queueName, queuesOf } from '../queue-name.ts'
import { isUuid } from '../stored-call.ts'
import { until } from '../until.ts'
import { UnworkedQueues } from '../unworked-queues.ts'
import { type Boss, type BossDatabase, hasTransactions, inTransaction, withdraw } from './boss.ts'
import { BossWorkers } from './boss-workers.ts'
import { insertCalls, singletonKey } from './call-rows.ts'
import { isIdle } from './idle-queue.ts'
import { queueOptions } from './queue-options.ts'
import { isQueueGone, isRefusal } from './refusal.ts'
import { RunEndings } from './run-endings.ts'
import { transactionDatabase } from './transaction-database.ts'

/** The interval in ms at which a database that was away is looked for. */
const probeInterval = 500

/** The time in ms for which the insert of a unique key waits for a transaction that is open. */
const longestLock = 100
/** The code of Postgres for a lock that was not to be had in that time. */
const lockNotAvailable = '55P03'

interface BossClientOptions {
  readonly boss: Boss
  /** The instance is the app's, which stops it. */
  readonly isGiven: boolean
}

/** The client of pg-boss. */
export class BossClient implements EngineClient {
  readonly #boss: Boss
  readonly #isGiven: boolean
  #host: EngineHost | undefined
  #workers: BossWorkers | undefined
  #endings: RunEndings | undefined
  #unworked: UnworkedQueues | undefined
  #work: EngineWork = { jobs: [], concurrency: 0 }
  #started: Promise<unknown> = Promise.resolve()
  readonly #queues = new Map<string, Promise<void>>()
  #isStarted = false
  #closed = false
  #isProbing = false
  // Without a listener each error would end the process.
  readonly #onError = (error: Error): void => {
    if (isQueueGone(error)) return this.#remakeQueues()
    this.#host?.away(error)
    void this.#probe()
  }

  constructor({ boss, isGiven }: BossClientOptions) {
    this.#boss = boss
    this.#isGiven = isGiven
  }

  open(host: EngineHost): void {
    this.#host = host
    this.#endings = new RunEndings(this.#boss, host)
    this.#workers = new BossWorkers(this.#boss, host, this.#endings)
    this.#unworked = new UnworkedQueues({ host, isIdle: (queue, time) => isIdle(this.#boss, queue, time) })
    this.#boss.on('error', this.#onError)
    this.#started = this.#start(host)
  }

  async #start(host: EngineHost): Promise<void> {
    const failed = (error: unknown) => {
      host.away(error)
      // Parts of it may be started: they stop before all of it is started again.
      return this.#isGiven ? undefined : this.#boss.stop({ graceful: false }).catch(() => {})
    }
    if (!(await until(() => this.#boss.start(), { isOver: () => this.#closed, failed }))) return
    this.#isStarted = true
    host.reached()
    void this.#workNow()
  }

  /** Looks when the database is back: a process that only waits for jobs hears of nothing else. */
  async #probe(): Promise<void> {
    if (this.#isProbing) return
    this.#isProbing = true
    do await waitFor(probeInterval)
    while (!this.#closed && !(await this.#answers()))
    this.#isProbing = false
    if (!this.#closed) this.#host?.reached()
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#boss.getDb().executeSql('SELECT 1')
      return true
    } catch {
      return false
    }
  }

  async add(calls: readonly EngineCall[]): Promise<readonly (string | undefined)[]> {
    await this.#started
    const ids = new Map<EngineCall, string>()
    const groups = Map.groupBy(calls, ({ job, version }) => queueName(job, version))
    await Promise.all(Array.from(groups, ([queue, group]) => this.#addTo(queue, group, ids)))
    return calls.map((call) => ids.get(call))
  }

  async #addTo(queue: string, calls: readonly EngineCall[], ids: Map<EngineCall, string>): Promise<void> {
    await this.#queue(queue)
    const [keyed, plain] = [calls.filter(hasKey), calls.filter((call) => !hasKey(call))]
    const insert = async () => {
      for (const [call, id] of await this.#insert(queue, plain)) ids.set(call, id)
    }
    await Promise.all([plain.length > 0 && insert(), keyed.length > 0 && this.#insertKeyed(queue, keyed, ids)])
    this.#unworked?.filled(queue, calls[0]?.job as string)
  }

  /** Adds calls to a queue that is there. @param db the transaction of the app, if it is part of one */
  async #insert(queue: string, calls: readonly EngineCall[], db?: BossDatabase): Promise<Map<EngineCall, string>> {
    try {
      return await insertCalls(this.#boss, queue, calls, db)
    } catch (error) {
      this.#queues.delete(queue)
      if (!isQueueGone(error)) throw error
      // Somebody has deleted the queue: it is made again.
      await this.#queue(queue)
      return insertCalls(this.#boss, queue, calls, db)
    }
  }

  /**
   * Adds calls with unique keys, but for those whose key is in a transaction that is open: nobody knows yet whether that commits. A database that
   * the app has given pg-boss may have no transactions: there the calls wait for that one.
   */
  async #insertKeyed(queue: string, calls: readonly EngineCall[], ids: Map<EngineCall, string>): Promise<void> {
    const insert = (db?: BossDatabase) => this.#insert(queue, calls, db)
    try {
      const added = await (hasTransactions(this.#boss)
        ? inTransaction(this.#boss, async ({ db }) => {
            const database = db as unknown as BossDatabase
            await database.executeSql(`SET LOCAL lock_timeout = ${longestLock}`)
            return insert(database)
          })
        : insert())
      for (const [call, id] of added) ids.set(call, id)
    } catch (error) {
      if (rootOf(error).code !== lockNotAvailable) throw error
      if (calls.length === 1) return
      const half = Math.ceil(calls.length / 2)
      const halves = [calls.slice(0, half), calls.slice(half)]
      await Promise.all(halves.map((each) => this.#insertKeyed(queue, each, ids)))
    }
  }

  async enqueue(call: EngineCall, tx: object, time: number): Promise<string> {
    const db = transactionDatabase(call.job, tx)
    const queue = queueName(call.job, call.version)
    // A queue is made beside the transaction, which may be rolled back.
    const isThere = await within(
      time,
      this.#started.then(() => this.#queue(queue)),
    )
    if (!isThere) throw new Error('no answer')
    const id = (await this.#insert(queue, [call], db)).get(call) as string
    this.#unworked?.filled(queue, call.job)
    return id
  }

  refuses(error: unknown, isFinal?: boolean): boolean {
    return isRefusal(error, isFinal)
  }

  /** Makes a queue, which has to be there before anything else. */
  #queue(name: string): Promise<void> {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const made = this.#boss.createQueue(name, queueOptions)
    this.#queues.set(name, made)
    made.catch(() => this.#queues.delete(name))
    return made
  }

  work(work: EngineWork): void {
    this.#work = work
    if (this.#isStarted) void this.#workNow()
  }

  async #workNow(): Promise<void> {
    const work = this.#work
    const isOver = () => this.#closed || work !== this.#work
    const makeQueues = async () => {
      if (work.concurrency > 0) await Promise.all(queuesOf(work.jobs).map((queue) => this.#queue(queue)))
    }
    const areMade = await until(makeQueues, { isOver, failed: (error) => this.#host?.away(error) })
    if (!areMade || work !== this.#work) return
    // A process that only waits for jobs hears of nothing else.
    if (work.concurrency > 0) this.#host?.reached()
    if (work.concurrency > 0) this.#unworked?.worked(queuesOf(work.jobs))
    this.#workers?.work(work)
  }

  /** Makes the queues again of which one was deleted: the workers wait for its calls. */
  #remakeQueues(): void {
    this.#queues.clear()
    if (this.#isStarted && !this.#closed) void this.#workNow()
  }

  async withdraw(of: string | { readonly key: string }, jobs: EngineWork['jobs']): Promise<boolean> {
    // Other engines, and journals, have other ids.
    if (typeof of === 'string' && !isUuid(of)) return false
    await this.#started
    const by = typeof of === 'string' ? { id: of } : { key: singletonKey('', of.key) }
    for (const queue of queuesOf(jobs)) {
      await this.#queue(queue)
      for (const { id } of await this.#boss.findJobs(queue, { ...by, queued: true })) {
        if (await withdraw(this.#boss, queue, id)) return true
      }
    }
    return false
  }

  async close(time: number): Promise<void> {
    this.#closed = true
    this.#endings?.close()
    this.#unworked?.close()
    this.#workers?.close()
    // Connections of our own may fail later than that: their errors need a listener still.
    if (this.#isGiven) this.#boss.off('error', this.#onError)
    else {
      const stopped = this.#boss.stop({ graceful: false }).catch(() => {})
      await within(time, stopped)
    }
  }
}

const hasKey = ({ uniqueKey }: EngineCall) => uniqueKey !== undefined
