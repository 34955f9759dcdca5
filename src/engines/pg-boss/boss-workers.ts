import { clearTimeout } from '../../clock.ts'
import { rootContext } from '../../schedule/current.ts'
import { setTimer } from '../../timers.ts'
import type { Ending, EngineClaim, EngineHost, EngineWork } from '../engine.ts'
import { queuesOf } from '../queue-name.ts'
import { readCall } from '../stored-call.ts'
import type { Boss, BossJob } from './boss.ts'
import { Owner } from './owner.ts'
import type { RunEndings } from './run-endings.ts'

/** The most jobs of a batch: at first, and of a queue whose batches come full. */
const firstBatch = 8
const mostAtOnce = 100
/** The time in ms for which room for a few claims waits for more room. */
const longestWait = 10
/** The interval in seconds at which a worker looks for jobs of which no notification came: those that were delayed, or whose worker died. */
const polling = 2

interface Queue {
  readonly name: string
  readonly job: string
  /** A worker waits, or is about to. */
  isServed: boolean
  /** The id of the worker that waits. */
  worker: string | undefined
  /** The most jobs of the next batch. */
  batch: number
  /** The queue waits for room of its job. */
  isFull: boolean
}

/**
 * The workers of pg-boss in this process. Each queue has one that waits for jobs, as long as there is room. A worker gets one batch, whose
 * runs may take their time: meanwhile another one waits. The workers renew the claims of their batches.
 */
export class BossWorkers {
  readonly #boss: Boss
  readonly #host: EngineHost
  readonly #endings: RunEndings
  readonly #owner: Owner
  readonly #queues = new Map<string, Queue>()
  #concurrency = 0
  /** The number of claims that are not over. */
  #claimed = 0
  /** Claims beyond the concurrency: several queues had jobs at once. They are renewed until they run. */
  readonly #waiting: EngineClaim[] = []
  #running = 0
  #fillTimer: NodeJS.Timeout | undefined
  /** A worker could not be started. */
  #isRefused = false

  constructor(boss: Boss, host: EngineHost, endings: RunEndings) {
    this.#boss = boss
    this.#host = host
    this.#endings = endings
    this.#owner = new Owner(boss, (name) => {
      const worker = this.#queues.get(name)?.worker
      if (worker !== undefined) boss.notifyWorker(worker)
    })
  }

  /** Lets go of the claims that are not over. */
  close(): void {
    this.#owner.close()
  }

  /** Sets what is worked on. The queues of all jobs are there. */
  work({ jobs, concurrency }: EngineWork): void {
    this.#concurrency = concurrency
    const wanted = new Map(jobs.flatMap((job) => queuesOf([job]).map((name) => [name, job[0]])))
    for (const [name, queue] of this.#queues) {
      if (wanted.has(name) && concurrency > 0) continue
      this.#queues.delete(name)
      this.#stop(queue)
    }
    for (const [name, job] of wanted) {
      if (concurrency > 0 && !this.#queues.has(name)) {
        this.#queues.set(name, { name, job, isServed: false, worker: undefined, batch: firstBatch, isFull: false })
      }
    }
    this.#runWaiting()
    const [first] = this.#queues.keys()
    // Claims have their owner from the first one on.
    if (first !== undefined) void this.#owner.open(first).then(this.#fill)
  }

  #stop(queue: Queue): void {
    if (queue.worker !== undefined) void this.#boss.offWork(queue.name, { id: queue.worker, wait: false })
    queue.worker = undefined
    queue.isServed = false
  }

  /** Lets a worker wait for the jobs of each queue that has none, as far as there is room. */
  readonly #fill = (): void => {
    clearTimeout(this.#fillTimer)
    this.#fillTimer = undefined
    const idle = [...this.#queues.values()].filter(({ isServed }) => !isServed)
    for (const queue of idle) {
      const { job, batch } = queue
      const room = this.#concurrency - this.#claimed
      const roomOfJob = this.#host.roomFor(job)
      const most = Math.min(batch, room, roomOfJob)
      if (most > 0) void this.#start(queue, most)
      else if (roomOfJob <= 0) this.#awaitRoom(queue)
    }
  }

  #awaitRoom(queue: Queue): void {
    if (queue.isFull) return
    queue.isFull = true
    this.#host.whenRoom(queue.job, () => {
      queue.isFull = false
      // There may be room for a run that is about to take it.
      this.#fillLater()
    })
  }

  /** A worker for each claim that ends would cost more than the run. But some runs take long: room for a few does not wait for them. */
  readonly #fillSoon = (): void => {
    if (this.#claimed <= this.#concurrency / 2) this.#fill()
    else this.#fillLater()
  }

  #fillLater(): void {
    this.#fillTimer ??= setTimer(this.#fill, longestWait).unref()
  }

  async #start(queue: Queue, most: number): Promise<void> {
    queue.isServed = true
    const options = { batchSize: most, pollingIntervalSeconds: polling, notifyPollingIntervalSeconds: polling }
    let id = ''
    const take = async (jobs: BossJob[]) => {
      if (queue.worker === id) this.#stop(queue)
      else void this.#boss.offWork(queue.name, { id, wait: false })
      queue.batch = jobs.length < most ? firstBatch : Math.min(mostAtOnce, 2 * most)
      await this.#run(queue, jobs.sort(byId))
    }
    // The worker is no code of the task at whose end there is room for it.
    try {
      id = await rootContext.runInAsyncScope(() => this.#boss.work(queue.name, options, take))
    } catch (error) {
      // An app may stop its own pg-boss before the instance.
      queue.isServed = false
      this.#isRefused = true
      this.#host.away(error)
      this.#fillTimer ??= setTimer(this.#fill, polling * 1000).unref()
      return
    }
    if (this.#isRefused) this.#host.reached()
    this.#isRefused = false
    // The queue may have been given up meanwhile.
    if (queue.isServed && this.#queues.get(queue.name) === queue) queue.worker = id
    else void this.#boss.offWork(queue.name, { id, wait: false })
  }

  /**
   * Runs a batch. Resolves when the end of each run is stored, for pg-boss then takes those jobs to be done that it still has. Rejects where
   * the end of a run could not be stored: then they run again.
   */
  async #run(queue: Queue, jobs: readonly BossJob[]): Promise<void> {
    this.#claimed += jobs.length
    this.#fill()
    const isOver = await this.#owner.claim(queue.name, jobs)
    const over = jobs.map(
      (job) => new Promise<boolean>((resolve) => this.#waiting.push(this.#claimOf(queue, job, resolve))),
    )
    this.#runWaiting()
    const stored = await Promise.all(over)
    isOver()
    if (stored.includes(false)) throw new Error('the end of a run could not be stored')
  }

  #claimOf(queue: Queue, job: BossJob, over: (isStored: boolean) => void): EngineClaim {
    const settle = async (ending: Ending): Promise<void> => {
      const isStored = await this.#endings.settle(queue.name, job, ending)
      this.#claimed--
      this.#running--
      over(isStored)
      this.#runWaiting()
      this.#fillSoon()
    }
    const { id, data, retryCount: count } = job
    return { ...readCall({ id, data, count }, queue.job), uniqueKey: undefined, settle } as EngineClaim
  }

  #runWaiting(): void {
    // Those that came too late for a process that ends are handed back at once.
    const room = this.#concurrency === 0 ? Infinity : this.#concurrency - this.#running
    const claims = this.#waiting.splice(0, room)
    this.#running += claims.length
    if (claims.length > 0) this.#host.take(claims)
  }
}

/** Sorts jobs in the order of their calls, which their ids tell. */
const byId = (a: BossJob, b: BossJob) => (a.id < b.id ? -1 : 1)
