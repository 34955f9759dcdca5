import { clock } from './clock.ts'
import { createDefer } from './defer.ts'
import type { Defer } from './defer-signature.ts'
import { advice } from './ending/exit-cause.ts'
import { AfterwordError, describe } from './errors.ts'
import type { Batch, BatchHandler } from './jobs/batch.ts'
import { type Consumer, createConsumer } from './jobs/consumer.ts'
import { DefinitionSite } from './jobs/definition-site.ts'
import type { InputOf, OutputOf } from './jobs/input.ts'
import type { Job, ThreadOptions } from './jobs/job.ts'
import { Jobs } from './jobs/jobs.ts'
import { Registry } from './jobs/registry.ts'
import { Worker } from './jobs/worker.ts'
import { openJournal } from './journal-opening.ts'
import { Lifecycle } from './lifecycle.ts'
import { Metrics } from './metrics.ts'
import type { BatchOptions } from './options/batch-options.ts'
import {
  type AfterwordOptions,
  type AfterwordSettings,
  type DrainOptions,
  validateAfterword,
  validateDrain,
  type WorkOptions,
} from './options/instance-options.ts'
import { type MetricsOptions, validateMetrics } from './options/metrics-options.ts'
import type { StandardSchema } from './options/standard-schema.ts'
import { type JobOptions, type UncheckedOptions, validateTask } from './options/task-options.ts'
import { isSame, requirePromise, validateText } from './options/validate.ts'
import { type DrainReport, drain } from './schedule/drain.ts'
import { addHook, type CallTracer, type RunHook } from './schedule/run-hooks.ts'
import { Scheduler } from './schedule/scheduler.ts'
import { sharedConnections } from './schedule/shared-connections.ts'
import { type Intake, Shutdown } from './shutdown.ts'
import { type Status, statusOf } from './status.ts'
import { TaskDefinition } from './task/definition.ts'
import type { Outcome } from './task/outcome.ts'
import { RequestScope } from './task/request-scope.ts'
import type { ScopeResponse } from './task/response.ts'
import { Scope } from './task/scope.ts'
import { type CurrentTask, Task } from './task/task.ts'
import { storeWithdrawal } from './task/withdrawal.ts'

/** Arguments that are inferred elsewhere. `NoInfer` would stay around them, and no function may take fewer of those. */
type Inferred<A extends unknown[]> = A extends unknown ? A : never

/**
 * An instance ties its parts together. Most programs use the process-wide one, `instance()`.
 * @example
 * await using afterword = new Afterword({ signals: false }) // drains at the end of the block
 */
export class Afterword {
  /** Calls a function with its arguments after the response. */
  readonly defer: Defer
  /** Consumes batches of a Cloudflare queue, wherever it is called: `export default { fetch, queue: afterword.queue }`. */
  readonly queue: Consumer

  readonly #settings: AfterwordSettings
  readonly #lifecycle = new Lifecycle()
  readonly #scheduler: Scheduler
  readonly #registry = new Registry()
  readonly #jobs: Jobs
  readonly #worker: Worker
  #shutdown: Shutdown
  readonly #work: Intake = { stop: async () => this.#worker.stop(), abort() {} }

  constructor(options?: AfterwordOptions) {
    this.#settings = validateAfterword({})
    this.#scheduler = new Scheduler(this.#settings, this.#lifecycle)
    this.#worker = new Worker(this.#scheduler, this.#registry)
    this.#jobs = new Jobs(this.#scheduler, this.#registry, this.#worker)
    this.defer = createDefer(this.#scheduler)
    this.queue = createConsumer(this.#registry, this.#lifecycle)
    this.#shutdown = new Shutdown(this.#scheduler, this.#registry)
    this.#lifecycle.onUse = () => this.#shutdown.start()
    if (options !== undefined) this.configure(options)
  }

  /**
   * Sets the options: once, before the first use. The same options again change nothing. After `close()` the call starts the instance anew.
   * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`, `AFTERWORD_ENGINE_MISSING`, `AFTERWORD_ENGINE_LACKS`, `AFTERWORD_ALREADY_STARTED`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  configure(options: AfterwordOptions): void {
    const settings = validateAfterword(options)
    // A module that is evaluated again configures again.
    if (this.#lifecycle.isConfigured && isSame(settings, this.#settings)) return
    this.#lifecycle.requireConfigurable()
    this.#registry.journal = openJournal(settings, this.#worker)
    this.#worker.setUp(settings.worker)
    this.#worker.tellJobs()
    Object.assign(this.#settings, settings)
    if (this.#lifecycle.state === 'closed') this.#shutdown = new Shutdown(this.#scheduler, this.#registry)
    this.#lifecycle.restart()
    if (this.#shutdown.isNeeded) this.#shutdown.listen()
  }

  /**
   * Names work: `handler` gets the arguments of each call, as the schema in `input` makes them. A module that is evaluated again defines its
   * jobs again: the latest definition runs what is stored. Another job of that name, defined elsewhere, is reported: `AFTERWORD_DUPLICATE_JOB`.
   * @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  job<S extends StandardSchema<unknown[], unknown[]>, R>(
    name: string,
    handler: (...args: OutputOf<S>) => R,
    options: JobOptions<InputOf<S>> & { readonly input: S },
  ): Job<InputOf<S>, R>
  /** Names work whose arguments no schema validates. */
  job<A extends unknown[], R>(
    name: string,
    handler: (...args: A) => R,
    options?: UncheckedOptions<Inferred<A>>,
  ): Job<A, R>
  /** Names CPU-heavy work: the handler is the default export of a module, `job<typeof render>(name, { thread })`. */
  job<F extends (...args: never[]) => unknown>(
    name: string,
    options: ThreadOptions<Parameters<F>>,
  ): Job<Parameters<F>, ReturnType<F>>
  job(name: string, work: unknown, options: object = {}, called = Afterword.prototype.job): unknown {
    return this.#jobs.define(name, work, options, DefinitionSite.of(called))
  }

  /**
   * Names work on many items at once: the items of many responses wait for each other, and `handler` gets them in one array. Where some
   * of them failed, the handler returns or throws a `BatchError` with those. A second definition counts as that of a job does.
   * @throws AfterwordError `AFTERWORD_INVALID_JOB_NAME`, `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  batch<T>(name: string, handler: BatchHandler<T>, options?: BatchOptions): Batch<T>
  batch<T>(
    name: string,
    handler: BatchHandler<T>,
    options: BatchOptions = {},
    called = Afterword.prototype.batch,
  ): Batch<T> {
    return this.#jobs.batch(name, handler, options, DefinitionSite.of(called))
  }

  /** Runs `fn` the moment the response was sent, ahead of every backlog: to release locks, sessions, connections. */
  onSent(fn: () => unknown): void {
    if (typeof fn !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['onSent', describe(fn)])
    if (this.currentScope === undefined) this.#scheduler.missingAdapter.outsideScope('onSent')
    const scope = this.currentScope ?? new Scope(this.#scheduler)
    if (scope.state === 'idle') sharedConnections.late('onSent', scope)
    scope.addBeside(new Task(scope, onSentTasks, fn, []), 'sent')
  }

  /**
   * Ends the response if it is open, runs this scope's tasks and resolves with their outcomes, in the order of `defer`;
   * the caller goes on in the background. Harmless when called again, in a task, or outside a request: then `[]`.
   */
  finishRequest(): Promise<Outcome[]> {
    // A task that waited for its own scope would wait for itself.
    return this.#scheduler.current.requestScope?.finish() ?? Promise.resolve([])
  }

  /**
   * Takes work that has begun into the limits, the drain and the reports.
   * @throws AfterwordError `AFTERWORD_NOT_A_PROMISE`
   */
  waitUntil(promise: PromiseLike<unknown>): void {
    requirePromise(promise)
    const scope = this.#scheduler.current.scope ?? new Scope(this.#scheduler)
    scope.addBeside(new Task(scope, waitUntilTasks, () => promise, []), 'now')
  }

  /**
   * Cancels a call that waits, by its id: a task in memory, and with a journal a record of whichever process on its folder, also one that is
   * delayed, waits for its retry, or that nobody can run. Once the promise has resolved with `true`, the call never begins.
   *
   *     const id = await Remind.with({ delay: 3_600_000 }).dispatch('user-7')
   *     await instance().cancel(id)
   *
   * @returns false if the call runs, has ended, or never was
   * @throws AfterwordError `AFTERWORD_NOT_ANSWERED` if a process that has the record does not answer, `AFTERWORD_INVALID_OPTION`, `AFTERWORD_CLOSED`
   */
  async cancel(id: string): Promise<boolean> {
    this.#lifecycle.requireOpen('cancel')
    const { journal } = this.#registry
    const task = this.#scheduler.backlog.find(validateText('cancel', 'the id', id))
    if (task === undefined || task.record?.hasLeft) return journal?.withdraw(id) ?? false
    const isCancelled = task.cancel()
    if (isCancelled && task.record !== undefined && journal !== undefined) await storeWithdrawal(journal)
    return isCancelled
  }

  /** Tells the task whose code runs now. */
  currentTask(): CurrentTask | undefined {
    return this.#scheduler.current.task
  }

  /** The scope that the code which runs now belongs to. For adapters. */
  get currentScope(): Scope | undefined {
    return this.#scheduler.current.scope
  }

  /** The instance has a journal. For adapters. */
  get keeps(): boolean {
    return this.#scheduler.keeps
  }

  /** Calls `fn` in the scope of a response. The same response again continues the same scope. For adapters. */
  scope<R>(response: ScopeResponse, fn: () => R): R {
    this.#lifecycle.use()
    this.#scheduler.missingAdapter.scopeOpened()
    response.gate ??= new RequestScope(this.#scheduler, response)
    return this.#scheduler.current.enter(response.gate as RequestScope, fn)
  }

  /** Calls `fn` as code of a task, in the async context of the call. For adapters. */
  inTask<R>(task: CurrentTask, fn: () => R): R {
    return this.#scheduler.current.enter(task as Task, fn)
  }

  /** Takes part in the end of the process from now on, for requests will come. Can still be configured. For adapters. */
  expectRequests(): void {
    this.#shutdown.expectRequests()
  }

  /** A signal ends the instance, and the process. For adapters. */
  get takesSignals(): boolean {
    return this.#shutdown.listens
  }

  /** Makes an intake part of the shutdown. For adapters. @returns a function that removes the intake when it has ended by itself */
  addIntake(intake: Intake): () => void {
    this.#lifecycle.use()
    return this.#shutdown.add(intake)
  }

  /**
   * Adds a hook around each run, which calls `run` and returns what that returned: for tenants, error scopes, transactions. Its error fails the
   * attempt; the first hook is the outermost. @param tracer traces the calls that are stored @returns a function that removes both @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`
   */
  around(hook: RunHook, tracer?: CallTracer): () => void {
    return addHook(this.#scheduler.current, hook, tracer)
  }

  status(): Status {
    return statusOf(this.#scheduler, this.#registry, this.#shutdown)
  }

  /**
   * Measures how long tasks wait and run, and their attempts and outcomes, by name, until the metrics are closed. All open metrics of an instance
   * read the same numbers. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  metrics(options: MetricsOptions = {}): Metrics {
    return new Metrics(this.#scheduler, () => this.status(), validateMetrics(options))
  }

  /**
   * Waits until no task is left. Requests that have not deferred anything yet are not waited for: close the server first.
   * @param intake an intake that is stopped first, for adapters
   * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  async drain(options: DrainOptions = {}, intake?: Intake): Promise<DrainReport> {
    const { timeout } = validateDrain(options, this.#settings.shutdownTimeout)
    if (intake === undefined) return drain(this.#scheduler, timeout)
    const deadline = clock.now() + timeout
    await this.#shutdown.stop([intake])
    return drain(this.#scheduler, Math.max(0, deadline - clock.now()))
  }

  /**
   * Runs jobs that any process on the journal's folder may run, those of `dispatch`, and holds this process until `stop()`: for a
   * process that does nothing else, or where the option `worker` is `false`. Options that are not given are as that option says.
   * @throws AfterwordError `AFTERWORD_NO_JOURNAL`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
   */
  work(options: WorkOptions = {}): Worker {
    if (this.#registry.journal === undefined) throw new AfterwordError('AFTERWORD_NO_JOURNAL')
    const worker = this.#worker.start(options)
    // A signal ends a process that does nothing else as well.
    this.addIntake(this.#work)
    return worker
  }

  /** Runs `fn` after the drain of a shutdown or of `close()`, in the order of the calls: to close pools and the like. */
  onShutdown(fn: () => unknown): void {
    this.#shutdown.addFunction(fn)
  }

  /** Drains, runs the `onShutdown` functions and takes no further task. Servers stay as they are. */
  async close(): Promise<void> {
    if (this.#lifecycle.state === 'closed') return
    const shutdown = this.#shutdown
    const { left } = await shutdown.run()
    // Another call, or a signal, may have begun before.
    if (this.#lifecycle.isPast('closed')) return
    if (left.length > 0) shutdown.nameUnfinished(advice.deadline)
    this.#worker.stop()
    this.#registry.clear()
    this.#lifecycle.advance('closed')
    shutdown.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const onSentTasks = new TaskDefinition(validateTask('onSent', {}), 'onSent')
const waitUntilTasks = new TaskDefinition(validateTask('waitUntil', {}), 'waitUntil')
