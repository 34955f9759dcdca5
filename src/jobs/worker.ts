import { validateWork, type WorkOptions } from '../options/instance-options.ts'
import { longestTimer } from '../options/validate.ts'
import { root } from '../schedule/backlog.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import type { Claim } from '../task/record.ts'
import { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import type { Registry } from './registry.ts'

/** Runs records that nobody runs yet: what dead processes have left, and what any process may do. */
export class Worker {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  #tellSet = false
  /** What holds the process while it works. */
  #hold: NodeJS.Timeout | undefined
  /** Of the option `worker`. */
  #configured: WorkOptions = {}
  #concurrency = 0

  /** @internal */
  constructor(scheduler: Scheduler, registry: Registry) {
    this.#scheduler = scheduler
    this.#registry = registry
  }

  /** Takes what any process may do, and holds this one until `stop()`. @internal */
  start(options: WorkOptions): this {
    this.#work(true, validateWork('work', { ...this.#configured, ...options }))
    this.#hold ??= setInterval(() => {}, longestTimer)
    return this
  }

  /** Takes no further record that any process may run; what it has taken goes on. */
  stop(): void {
    clearInterval(this.#hold)
    this.#hold = undefined
    this.#work(false, validateWork('worker', this.#configured))
  }

  /** The names of the jobs that are defined in this process and kept in its journal. */
  get jobs(): string[] {
    return this.#registry.known.map(([name]) => name)
  }

  /** How many records it takes at once. */
  get concurrency(): number {
    return this.#concurrency
  }

  /** As the option `worker` says. @internal */
  setUp(options: boolean | WorkOptions): void {
    this.#configured = typeof options === 'object' ? options : {}
    this.#work(options !== false, validateWork('worker', this.#configured))
  }

  #work(shared: boolean, { jobs, concurrency }: Required<WorkOptions>): void {
    this.#concurrency = concurrency
    this.#scheduler.journal?.claim({ shared, jobs, concurrency })
  }

  /** Tells the journal which jobs there are, once all of a module are defined. @internal */
  tellJobs(): void {
    if (this.#tellSet || this.#scheduler.journal === undefined) return
    this.#tellSet = true
    setImmediate(() => {
      this.#tellSet = false
      this.#scheduler.journal?.setJobs(this.#registry.known)
    })
  }

  /** Runs each in a scope of its own. @internal */
  take(records: readonly Claim[]): void {
    if (this.#scheduler.state === 'closed') return
    for (const { record, job, version, args, options, attempt } of records) {
      const known = this.#registry.kept(job)
      if (known === undefined) continue
      const handler = known.handler(version)
      const settings = options === undefined ? known.settings : { ...known.settings, ...options }
      const scope = new Scope(this.#scheduler)
      const task = root.runInAsyncScope(() => new Task(scope, settings, handler, args, record))
      task.attempt = attempt
      scope.add(task)
    }
  }
}
