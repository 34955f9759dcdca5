import { clearTimeout, clock } from '../../clock.ts'
import { rootContext } from '../../schedule/current.ts'
import { setTimer, within } from '../../timers.ts'
import type { Ending, EngineClaim, EngineHost, EngineWork } from '../engine.ts'
import { queuesOf } from '../queue-name.ts'
import { readCall } from '../stored-call.ts'
import type { BullJob, BullPackage, BullWorker } from './bull.ts'
import { workerOptions } from './queue-settings.ts'
import type { RedisConnections } from './redis-connections.ts'
import { takesWrites } from './redis-scripts.ts'
import { type BullRun, RunEndings } from './run-endings.ts'

/** The time in ms for which room that has come is waited with for more. */
const fillInterval = 10
/** The interval in ms at which a Redis that refused a worker is asked again. */
const probeInterval = 1000
/** The time in ms for which a claim beyond the concurrency waits for room here. */
const longestWait = 1000

interface Queue {
  readonly job: string
  readonly worker: BullWorker
  /** The jobs that this process has claimed. */
  readonly claims: Set<BullJob>
  /** The claims whose run its worker has not asked for. */
  readonly untaken: Set<BullJob>
  /** The most claims that it may have. */
  most: number
  isPaused: boolean
  /** The queue waits for room of its job. */
  isFull: boolean
  /** A claim has found no room, and was handed back: until there is room none is taken. */
  isTurnedAway: boolean
}

interface WaitingClaim {
  readonly claim: EngineClaim
  readonly queue: Queue
  readonly since: number
}

interface BullWorkersOptions {
  readonly bull: BullPackage
  readonly connections: RedisConnections
  readonly prefix: string
  readonly host: EngineHost
}

/**
 * The workers of BullMQ in this process, one for each queue: they take jobs, renew their locks, and look for those of dead workers. How many
 * jobs each may have follows from the room that there is for all of them. Each takes one at a time, and may do so without being asked: so
 * there can be a claim beyond the room for each queue, which waits for the next room, and goes back to the others if there is none.
 */
export class BullWorkers {
  readonly #options: BullWorkersOptions
  readonly #endings: RunEndings
  readonly #queues = new Map<string, Queue>()
  readonly #wanted = new Set<Queue>()
  #concurrency = 0
  #claimed = 0
  #running = 0
  #waiting: WaitingClaim[] = []
  #fillTimer: NodeJS.Timeout | undefined
  #waitTimer: NodeJS.Timeout | undefined
  /** A worker could not take a job, for Redis refused it: set until it takes what is written. */
  #probeTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: BullWorkersOptions) {
    this.#options = options
    this.#endings = new RunEndings(options.bull, options.host, options.connections.working)
  }

  /** Sets what is worked on. */
  work({ jobs, concurrency }: EngineWork): void {
    this.#concurrency = concurrency
    this.#wanted.clear()
    if (concurrency > 0) {
      for (const [job, latest] of jobs) {
        for (const name of queuesOf([[job, latest]])) this.#wanted.add(this.#queues.get(name) ?? this.#open(name, job))
      }
    }
    this.#turnAway()
    this.#fill()
  }

  #open(name: string, job: string): Queue {
    const { bull, connections, prefix } = this.#options
    const options = { connection: connections.working as never, prefix, concurrency: 1, ...workerOptions }
    const run = (job: never, token = ''): Promise<void> => this.#run(queue, job, token)
    // The worker is no code of the request in which a job is defined.
    const worker: BullWorker = rootContext.runInAsyncScope(() => new bull.Worker(name, run, options))
    const queue: Queue = {
      job,
      worker,
      claims: new Set<BullJob>(),
      untaken: new Set(),
      most: 1,
      isPaused: false,
      isFull: false,
      isTurnedAway: false,
    }
    worker.on('active', (job: never) => this.#claim(queue, job))
    // A job that another program's worker gave up ends without a run.
    for (const event of ['completed', 'failed'] as const) worker.on(event, (job: never) => this.#over(queue, job))
    worker.on('error', this.#onError)
    this.#queues.set(name, queue)
    return queue
  }

  // Without a listener BullMQ would print each error. Connections have listeners of their own, and runs that were lost begin again.
  readonly #onError = (error: Error): void => {
    if (error.name !== 'ReplyError') return
    this.#options.host.away(error)
    this.#probeTimer ??= this.#probeLater()
  }

  #probeLater(): NodeJS.Timeout {
    return setTimer(() => void this.#probe(), probeInterval).unref()
  }

  /** Looks whether Redis takes what is written again: a worker without jobs hears of nothing. */
  async #probe(): Promise<void> {
    const { connections, prefix, host } = this.#options
    const answered = await takesWrites(connections.commands, prefix).catch(() => false)
    if (this.#closed) return
    this.#probeTimer = answered ? undefined : this.#probeLater()
    if (answered) host.reached()
  }

  #claim(queue: Queue, job: BullJob): void {
    queue.claims.add(job)
    queue.untaken.add(job)
    // The other workers hear of it before they take the next one.
    if (++this.#claimed >= this.#concurrency) this.#fill()
  }

  #over(queue: Queue, job: BullJob): void {
    if (!queue.claims.delete(job)) return
    queue.untaken.delete(job)
    this.#claimed--
    this.#fillTimer ??= setTimer(this.#fill, fillInterval).unref()
  }

  /** Runs a job. Resolves when it is done, and rejects when another end of it is stored. */
  #run(queue: Queue, job: BullJob, token: string): Promise<void> {
    queue.untaken.delete(job)
    limit(queue)
    return new Promise((done, leave) => {
      const run = { worker: queue.worker, job, token, done, leave }
      this.#waiting.push({ claim: this.#claimOf(queue, run), queue, since: clock.now() })
      // A process that ends may get one more.
      if (!this.#wanted.has(queue)) this.#turnAway()
      this.#runWaiting()
    })
  }

  #claimOf(queue: Queue, run: BullRun): EngineClaim {
    const { id = '', data, stalledCounter: count } = run.job
    const settle = async (ending: Ending): Promise<void> => {
      await this.#endings.settle(run, ending)
      this.#over(queue, run.job)
      this.#running--
      this.#runWaiting()
    }
    return { ...readCall({ id, data, count }, queue.job), settle }
  }

  #runWaiting(): void {
    const claims = this.#waiting.splice(0, Math.max(0, this.#concurrency - this.#running)).map(({ claim }) => claim)
    this.#running += claims.length
    if (claims.length > 0) this.#options.host.take(claims)
    if (this.#waiting.length === 0) return
    this.#waitTimer ??= setTimer(() => {
      this.#waitTimer = undefined
      this.#turnAway(clock.now() - longestWait)
      this.#runWaiting()
    }, longestWait).unref()
  }

  /** Hands claims back for which there was no room since a time, or is none any more: another process may have some. */
  #turnAway(since = -Infinity): void {
    const isOver = (waiting: WaitingClaim) => waiting.since <= since || !this.#wanted.has(waiting.queue)
    const over = this.#waiting.filter(isOver)
    this.#waiting = this.#waiting.filter((waiting) => !isOver(waiting))
    for (const { claim, queue } of over) {
      queue.isTurnedAway = true
      this.#running++
      void claim.settle({ type: 'handed-back' })
    }
  }

  /** Tells each worker how many jobs it may have. */
  readonly #fill = (): void => {
    clearTimeout(this.#fillTimer)
    this.#fillTimer = undefined
    const room = this.#concurrency - this.#claimed
    for (const queue of this.#queues.values()) {
      if (room > 0) queue.isTurnedAway = false
      if (this.#wanted.has(queue)) this.#fillQueue(queue, room)
      else this.#pause(queue)
    }
  }

  #fillQueue(queue: Queue, room: number): void {
    const roomOfJob = this.#options.host.roomFor(queue.job)
    if (roomOfJob <= 0) this.#awaitRoom(queue)
    const { size } = queue.claims
    const more = Math.min(room, roomOfJob - queue.untaken.size)
    if (size > 0 || more > 0) this.#allow(queue, size + more)
    // A queue without claims waits in line with those that have all the room.
    else if (roomOfJob > 0 && !queue.isTurnedAway) this.#allow(queue, 1)
    else this.#pause(queue)
  }

  #awaitRoom(queue: Queue): void {
    if (queue.isFull) return
    queue.isFull = true
    this.#options.host.whenRoom(queue.job, () => {
      queue.isFull = false
      // There may be room for a run that is about to take it.
      this.#fillTimer ??= setTimer(this.#fill, fillInterval).unref()
    })
  }

  #pause(queue: Queue): void {
    if (queue.isPaused) return
    queue.isPaused = true
    void queue.worker.pause(true)
  }

  #allow(queue: Queue, most: number): void {
    const wasFull = queue.most <= queue.claims.size
    queue.most = Math.max(1, most)
    limit(queue)
    // A worker that had all the jobs that it may have waits for the end of one: it takes a further one when it is resumed.
    if (wasFull && most > queue.claims.size) this.#pause(queue)
    if (!queue.isPaused) return
    queue.isPaused = false
    rootContext.runInAsyncScope(() => void queue.worker.resume())
  }

  /** Stops the workers, within a time in ms. */
  async close(time: number): Promise<void> {
    this.#endings.close()
    clearTimeout(this.#fillTimer)
    clearTimeout(this.#waitTimer)
    clearTimeout(this.#probeTimer)
    this.#closed = true
    const workers = Array.from(this.#queues.values(), ({ worker }) => worker)
    const closed = Promise.all(workers.map((worker) => worker.close().catch(() => {})))
    // Where Redis is away a worker would wait for it.
    if (this.#options.connections.areReady && (await within(time, closed))) return
    await Promise.all(
      workers.map((worker) =>
        worker
          .getBackend()
          .close(true)
          .catch(() => {}),
      ),
    )
  }
}

/**
 * Lets the worker of a queue take no more than one job before it runs those that it has: left to itself it takes all that it may have, one
 * after another, and renews no lock meanwhile. With a Redis that is slow the first would be another worker's before the last is taken.
 */
function limit({ worker, claims, untaken, most }: Queue): void {
  worker.concurrency = Math.min(most, claims.size - untaken.size + 1)
}
