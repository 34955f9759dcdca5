import type { Batch, BatchHandler } from './batch.ts'
import { createDefer, type Defer } from './defer.ts'
import { AfterwordError, describe } from './errors.ts'
import { type Job, Jobs, type ThreadOptions } from './job.ts'
import {
  type AfterwordOptions,
  type AfterwordSettings,
  type BatchOptions,
  type DrainOptions,
  type JobOptions,
  type JournalOptions,
  resolveAfterword,
  resolveDrain,
  resolveTask,
} from './options.ts'
import type { Outcome } from './outcome.ts'
import type { Journal, JournalOwner } from './record.ts'
import { type DrainReport, Scheduler } from './scheduler.ts'
import { Scope, type ScopeResponse } from './scope.ts'
import { type Intake, Shutdown } from './shutdown.ts'
import type { SlowTask } from './slow-log.ts'
import { type CurrentTask, Task } from './task.ts'

/** Cheap to ask for. */
export interface Status {
  /** Requests that have deferred something and whose response was not sent yet. */
  readonly inFlight: number
  /** Tasks that have not begun, or wait for their retry. */
  readonly backlog: number
  /** Tasks that have begun and have not ended. */
  readonly running: number
  /** For how many ms the oldest scope has had an unfinished task; 0 if there is none. */
  readonly oldestAge: number
  /** Responses that wait until there is room in the backlog. */
  readonly held: number
  /** Responses that waited for their tasks, because the host runs nothing after them or `overload` is 'before'. */
  readonly before: number
  /** Outcomes since the start. */
  readonly done: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  /** The tasks that kept the event loop busy for longest, each with where it was deferred. */
  readonly slowest: readonly SlowTask[]
}

/** Ties the parts of one instance together. Most programs use the process-wide one, `instance()`. */
export class Afterword {
  /** Calls a function with its arguments after the response. */
  readonly defer: Defer

  readonly #settings: AfterwordSettings
  readonly #scheduler: Scheduler
  readonly #jobs: Jobs
  #shutdown: Shutdown
  #configured = false

  constructor(options?: AfterwordOptions) {
    this.#settings = resolveAfterword({})
    this.#scheduler = new Scheduler(this.#settings)
    this.#jobs = new Jobs(this.#scheduler)
    this.#shutdown = new Shutdown(this.#scheduler)
    this.defer = createDefer(this.#scheduler)
    if (options !== undefined) this.configure(options)
  }

  /**
   * Sets the options: once, before the first use. After `close()` it starts the instance anew.
   * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`, `AFTERWORD_ALREADY_STARTED`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  configure(options: AfterwordOptions): void {
    const settings = resolveAfterword(options)
    const { state } = this.#scheduler
    if (state === 'started' || (state === 'new' && this.#configured)) {
      throw new AfterwordError('AFTERWORD_ALREADY_STARTED')
    }
    if (settings.journal !== undefined) this.#scheduler.journal = openJournal(settings.journal, this.#jobs)
    this.#jobs.tellJournal()
    Object.assign(this.#settings, settings)
    if (state === 'closed') this.#shutdown = new Shutdown(this.#scheduler)
    this.#scheduler.state = 'new'
    this.#scheduler.ending = false
    this.#configured = true
  }

  /**
   * Names work: `handler` gets the arguments of each call.
   * @throws AfterwordError `AFTERWORD_DUPLICATE_JOB` where another handler has that name
   */
  job<A extends unknown[], R>(name: string, handler: (...args: A) => R, options?: JobOptions): Job<A, R>
  /** The same for CPU-heavy work: the handler is the default export of a module, `job<typeof render>(name, { thread })`. */
  job<F extends (...args: never[]) => unknown>(
    name: string,
    options: ThreadOptions<Parameters<F>>,
  ): Job<Parameters<F>, ReturnType<F>>
  job(name: string, work: unknown, options: JobOptions = {}): unknown {
    return this.#jobs.define(name, work, options)
  }

  /**
   * Names work on many items at once: the items of many responses are gathered, and `handler` gets them in one array. To say that some
   * of them failed, it returns or throws a `BatchError` with those.
   * @throws AfterwordError `AFTERWORD_DUPLICATE_JOB` where another handler has that name
   */
  batch<T>(name: string, handler: BatchHandler<T>, options: BatchOptions = {}): Batch<T> {
    return this.#jobs.batch(name, handler, options)
  }

  /** Runs `fn` the moment the response was sent, ahead of every backlog: to release locks, sessions, connections. */
  onSent(fn: () => unknown): void {
    if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['onSent', describe(fn)])
    if (!this.inScope) this.#scheduler.stray.suspect('onSent')
    const scope = this.#scheduler.scope ?? new Scope(this.#scheduler)
    scope.addAtSent(new Task(scope, onSentSettings, fn, []))
  }

  /**
   * Ends the response if it is open, runs this scope's tasks and resolves with their outcomes, in the order of `defer`;
   * the caller goes on in the background. Harmless when called again, in a task, or outside a request: then `[]`.
   */
  finishRequest(): Promise<Outcome[]> {
    const { scope, task } = this.#scheduler
    // A task that waited for its own scope would wait for itself.
    if (scope === undefined || task !== undefined) return Promise.resolve([])
    return scope.finish()
  }

  /**
   * Takes work that has begun into the limits, the drain and the reports.
   * @throws AfterwordError `AFTERWORD_NOT_A_PROMISE`
   */
  waitUntil(promise: PromiseLike<unknown>): void {
    if (typeof (promise as { then?: unknown } | null)?.then !== 'function') {
      throw new AfterwordError('AFTERWORD_NOT_A_PROMISE', [describe(promise)])
    }
    const scope = this.#scheduler.scope ?? new Scope(this.#scheduler)
    scope.addBegun(new Task(scope, waitUntilSettings, () => promise, []))
  }

  /** The task whose code runs now. */
  currentTask(): CurrentTask | undefined {
    return this.#scheduler.task
  }

  /** For adapters: the code that runs now belongs to a scope already. */
  get inScope(): boolean {
    return this.#scheduler.scope !== undefined
  }

  /** For adapters: calls `fn` in the scope of a response. The same response again continues the same scope. */
  scope<R>(response: ScopeResponse, fn: () => R): R {
    if (this.#scheduler.state === 'new') this.#scheduler.state = 'started'
    this.#scheduler.stray.trust()
    response.scope ??= new Scope(this.#scheduler, response)
    const { storage } = this.#scheduler
    if (storage.getStore() === response.scope) return fn()
    return storage.run(response.scope, fn)
  }

  /** For adapters: makes `intake` part of the shutdown. Call what it returns when the intake has ended by itself. */
  addIntake(intake: Intake): () => void {
    if (this.#scheduler.state === 'new') this.#scheduler.state = 'started'
    return this.#shutdown.add(intake)
  }

  status(): Status {
    const { open, waiting, running, oldest, held, before, ended } = this.#scheduler.backlog
    const oldestAge = oldest === undefined ? 0 : performance.now() - oldest
    return {
      inFlight: open,
      backlog: waiting,
      running,
      oldestAge,
      held,
      before,
      ...ended,
      slowest: this.#scheduler.slow.worst,
    }
  }

  /**
   * Waits until no task is left. Requests that have not deferred anything yet are not waited for: close the server first.
   * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  async drain(options: DrainOptions = {}): Promise<DrainReport> {
    return this.#scheduler.drain(resolveDrain(options, this.#settings.shutdownTimeout).timeout)
  }

  /** Runs `fn` after the drain of a shutdown or of `close()`, in the order of the calls: to close pools and the like. */
  onShutdown(fn: () => unknown): void {
    if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['onShutdown', describe(fn)])
    this.#shutdown.addFunction(fn)
  }

  /** Drains, runs the `onShutdown` functions and takes no further task. Servers stay as they are. */
  async close(): Promise<void> {
    if (this.#scheduler.state === 'closed') return
    const { left } = await this.#shutdown.run(false)
    if (left.length > 0) this.#shutdown.nameUnfinished()
    this.#scheduler.journal = undefined
    this.#scheduler.state = 'closed'
    this.#shutdown.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const week = 7 * 24 * 3_600_000

/** Loaded when it is asked for, and at once: from the first request on, jobs are to be kept. */
function openJournal(given: string | JournalOptions, owner: JournalOwner): Journal {
  const {
    path,
    sync = 'normal',
    retention = week,
  }: JournalOptions = typeof given === 'string' ? { path: given } : given
  const { createRequire } = process.getBuiltinModule('node:module')
  const file = `./journal/journal${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
  const { FolderJournal } = createRequire(import.meta.url)(file) as typeof import('./journal/journal.ts')
  return new FolderJournal({ path, sync, retention }, owner)
}

const onSentSettings = resolveTask('onSent', {}, 'onSent')
const waitUntilSettings = resolveTask('waitUntil', {}, 'waitUntil')
