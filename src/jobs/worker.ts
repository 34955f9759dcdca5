import { clearTimeout, setImmediate } from '../clock.ts'
import { channels, isHeard } from '../events.ts'
import { validateWork, type WorkOptions } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import { rootContext } from '../schedule/current.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import { HostedScope } from '../task/hosted-scope.ts'
import type { Claim } from '../task/record.ts'
import { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import { longestTime, setTimer } from '../timers.ts'
import type { Registry } from './registry.ts'

/** The time in ms after which room is looked for again. */
const roomInterval = 5

/**
 * The worker runs claims: records of dead processes, and records that any process may run.
 *
 * @example
 * const worker = instance().work({ concurrency: 10 })
 * worker.stop() // claims nothing more; what it has goes on
 */
export class Worker {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  #tellSet = false
  /** A timer that holds the process while it works. */
  #hold: NodeJS.Timeout | undefined
  /** The option `worker`. */
  #configured: WorkOptions = {}
  #concurrency = 0
  /** The claims of each limited job that have not begun when they were last looked at. */
  readonly #waiting = new Map<string, Set<Task>>()

  /** @internal */
  constructor(scheduler: Scheduler, registry: Registry) {
    this.#scheduler = scheduler
    this.#registry = registry
  }

  /** Claims records that any process may run, and holds this process until `stop()`. @internal */
  start(options: WorkOptions): this {
    this.#work(true, validateWork('work', { ...this.#configured, ...options }))
    this.#hold ??= setTimer(() => {}, longestTime)
    return this
  }

  /** Claims no further record that any process may run; its claims go on. */
  stop(): void {
    clearTimeout(this.#hold)
    this.#hold = undefined
    this.#work(false, validateWork('worker', this.#configured))
  }

  /** The names of the jobs that are defined in this process and kept in its journal. */
  get jobs(): string[] {
    return this.#registry.known.map(([name]) => name)
  }

  /** The most claims that the worker has at once. */
  get concurrency(): number {
    return this.#concurrency
  }

  /** Works as the option `worker` says. @internal */
  setUp(options: boolean | WorkOptions): void {
    this.#configured = typeof options === 'object' ? options : {}
    this.#work(options !== false, validateWork('worker', this.#configured))
  }

  #work(shared: boolean, { jobs, concurrency }: Required<WorkOptions>): void {
    this.#concurrency = concurrency
    this.#registry.journal?.claim({ shared, jobs, concurrency })
  }

  /** Tells the journal the jobs of the instance, once all jobs of a module are defined. @internal */
  tellJobs(): void {
    if (this.#tellSet || this.#registry.journal === undefined) return
    // Workers set no turn outside a request, which is where modules define their jobs.
    if (isolatesRequests) return this.#registry.journal.setJobs(this.#registry.known)
    this.#tellSet = true
    setImmediate(() => {
      this.#tellSet = false
      this.#registry.journal?.setJobs(this.#registry.known)
    })
  }

  /** Counts a claim of a limited job, until it begins. @internal */
  expect(task: Task, job: string): void {
    if (task.definition.limiter === undefined) return
    const waiting = this.#waiting.get(job) ?? new Set()
    this.#waiting.set(job, waiting.add(task))
  }

  /** @internal */
  roomFor(job: string): number {
    if (this.#registry.pauses.get(job)?.isOn) return 0
    const limiter = this.#registry.find(job)?.tasks.limiter
    if (limiter === undefined) return Infinity
    const waiting = this.#waiting.get(job)
    for (const task of waiting ?? []) if (task.state !== 'waiting') waiting?.delete(task)
    return Math.max(0, limiter.room - (waiting?.size ?? 0))
  }

  /** @internal */
  rooms(): [job: string, room: number][] {
    const { limited, pauses } = this.#registry
    const paused = Array.from(pauses).flatMap(([job, { isOn }]) => (isOn ? [job] : []))
    return Array.from(new Set([...limited, ...paused]), (job) => [job, this.roomFor(job)])
  }

  /** @internal */
  whenRoom(job: string, call: () => void): void {
    const pause = this.#registry.pauses.get(job)
    if (pause?.isOn) pause.whenOver(call)
    else if (this.roomFor(job) > 0) call()
    else {
      const { limiter } = this.#registry.find(job)?.tasks ?? {}
      if (limiter === undefined || limiter.room <= 0) return limiter?.whenRoom(call)
      // The room belongs to claims that are about to begin. Were it asked for at once, again and again, they never would.
      setTimer(() => limiter.whenRoom(call), roomInterval).unref()
    }
  }

  /** @internal */
  setPaused(jobs: readonly string[]): void {
    const before = this.#registry.paused
    const now = new Set(jobs)
    this.#registry.paused = now
    for (const [job, pause] of this.#registry.pauses) {
      // The pause of a job that no journal keeps is this process's own.
      if (now.has(job) || before.has(job)) pause.set(now.has(job))
    }
  }

  /** @internal */
  withdraw(id: string): boolean | undefined {
    const task = this.#scheduler.backlog.find(id)
    return task?.record?.hasLeft ? undefined : task?.cancel()
  }

  /** @internal */
  running(): string[] {
    const ids: string[] = []
    for (const task of this.#scheduler.backlog.begun()) if (task.record !== undefined) ids.push(task.id)
    return ids
  }

  /** Runs each claim in a scope of its own. @internal */
  take(claims: readonly Claim[]): void {
    if (this.#scheduler.lifecycle.state === 'closed') return
    for (const { record, job, version, args, options, response, attempt, expiresAt, isRecovered, host } of claims) {
      const known = this.#registry.find(job)
      if (known === undefined) continue
      const { tasks } = options === undefined ? known : known.with(options)
      const scope = host === undefined ? new Scope(this.#scheduler) : new HostedScope(this.#scheduler, host)
      scope.sent = response
      const task = rootContext.runInAsyncScope(() => new Task(scope, tasks, known.handlerOf(version), args, record))
      task.attempt = attempt
      task.expiresAt = expiresAt
      // Batches alone hold claims: others have waited in the database.
      task.isDue = !tasks.buffer?.runsTasks
      this.expect(task, job)
      scope.add(task)
      if (isRecovered && isHeard('task:recovered')) channels['task:recovered'].publish({ task })
    }
  }
}
