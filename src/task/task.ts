import { AsyncResource } from 'node:async_hooks'
import { clock } from '../clock.ts'
import type { SentResponse } from '../sent-response.ts'
import type { TaskDefinition } from './definition.ts'
import type { Outcome } from './outcome.ts'
import type { JobRecord } from './record.ts'
import type { Recording } from './recording.ts'
import type { Scope } from './scope.ts'

/**
 * The caller's handle on a deferred task.
 *
 * @example
 * const deferred = defer(sendReceipt, order)
 * if (order.cancelled) deferred.cancel()
 * const { status } = await deferred.outcome
 */
export interface Deferred<T = unknown> {
  /** Unique among the tasks of this process, and of all processes on its journal. Another folder, on another machine, may have the same one. */
  readonly id: string
  /** True if the task had not begun and will not run; false if it runs or has ended. */
  cancel(): boolean
  /**
   * Resolves when the task is where its durability promises; for tasks in memory that is at once. Rejects with
   * `AFTERWORD_JOURNAL_REFUSED` if it can't be stored: then it will not run.
   */
  readonly accepted: Promise<void>
  /** Resolves when the task has ended, whatever came of it. Never rejects. */
  readonly outcome: Promise<Outcome<T>>
}

/**
 * A running task as its own code sees it.
 *
 * @example
 * for (const row of rows) {
 *   index(row)
 *   await currentTask()?.yield() // requests have a turn
 * }
 */
export interface CurrentTask {
  readonly id: string
  readonly name: string
  /** 1 for the first run. */
  readonly attempt: number
  /** Aborts when the task's time is up. */
  readonly signal: AbortSignal
  /**
   * Gives requests a turn, for tasks that compute for long: `await currentTask()?.yield()` in their loops. Resolves at once while
   * the slice of the task lasts. Rejects with the reason of `signal` once the time is up.
   */
  yield(): Promise<void>
  /** The response of the request in which the task was deferred; `undefined` outside a request. */
  readonly request: SentResponse | undefined
}

// Ids begin with the start of the process and a random part, so that two processes never share one. The first id makes that part:
// Cloudflare Workers know neither the time nor chance before the first request.
let madeOrigin: string | undefined
const origin = () =>
  (madeOrigin ??= `${clock.date().toString(36)}${Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0')}`)
let serials = 0

/**
 * A task is one function call to make after the response.
 *
 *     waiting ──► running ──► ended
 *        │  ▲        │          ▲
 *        │  └────────┘ retry    │
 *        └──────────────────────┘ cancelled
 *
 * @example
 * subscribe('task:ended', ({ task, outcome }) => console.log(task.name, task.id, outcome.status))
 */
export class Task implements Deferred, CurrentTask {
  /** The task behind this one in the queue of its scope. */
  next: Task | undefined
  /** @internal */
  readonly scope: Scope
  /** @internal */
  readonly definition: TaskDefinition
  /** @internal */
  state: 'waiting' | 'running' | 'ended' = 'waiting'
  attempt = 0
  /** The task as it is stored. @internal */
  readonly record: JobRecord | undefined
  /** The moment by `Date.now()` after which no run begins. @internal */
  expiresAt: number | undefined
  /** A buffer has let the task go, or need not hold it: its turn has come. @internal */
  isDue = false
  /**
   * The moment by `performance.now()` from which on the task could begin. `undefined`: that of its scope. `Infinity`: it waits for a later
   * time, or for something that may never come. @internal
   */
  dueSince: number | undefined
  /** The earlier task with the same unique key, which stands for this one. @internal */
  original: Task | undefined
  /** Follows the task, where its request is recorded. @internal */
  recording: Recording | undefined
  /** The number of the task in the order in which the process has made them. @internal */
  readonly serial = ++serials

  #fn: ((...args: never[]) => unknown) | undefined
  #args: readonly unknown[] | undefined
  // The caller's async context, captured by being created there; cheaper by far than a snapshot.
  #context: AsyncResource | undefined
  #name: string | undefined
  #controller: AbortController | undefined
  #outcome: Outcome | undefined
  #listener: PromiseWithResolvers<Outcome> | undefined

  /** @internal */
  constructor(
    scope: Scope,
    definition: TaskDefinition,
    fn: (...args: never[]) => unknown,
    args: readonly unknown[],
    record?: JobRecord,
  ) {
    this.record = record
    this.scope = scope
    this.definition = definition
    this.#fn = fn
    this.#args = args
    this.#context = new AsyncResource('AfterwordTask')
  }

  get id(): string {
    return this.record?.id ?? this.original?.id ?? `${origin()}-${this.serial.toString(36)}`
  }

  get name(): string {
    const { settings, label } = this.definition
    return (this.#name ??= settings.name ?? label ?? (this.#fn?.name || 'anonymous'))
  }

  /** The name under which runs are counted: that of the job, whatever its calls are named. @internal */
  get countedAs(): string {
    return this.definition.label ?? this.name
  }

  /** The function by which calls are told apart: the same for all calls of a job, or of one function. @internal */
  get source(): string {
    return this.definition.label ?? String(this.#fn)
  }

  /** The function of the app; `undefined` once the task has ended. @internal */
  get fn(): ((...args: never[]) => unknown) | undefined {
    return this.definition.handler ?? this.#fn
  }

  /** The name for people, and the id that tells the task from others of that name. */
  get title(): string {
    return `"${this.name}" (${this.id})`
  }

  /** The arguments; none once the task has ended. */
  get args(): readonly unknown[] {
    return this.#args ?? []
  }

  get request(): SentResponse | undefined {
    return this.scope.sent
  }

  get signal(): AbortSignal {
    // Most tasks never ask for their signal.
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  async yield(): Promise<void> {
    await this.scope.runner.yield()
    this.#controller?.signal.throwIfAborted()
  }

  get accepted(): Promise<void> {
    const { record } = this
    if (record === undefined) return Promise.resolve()
    // The id is that of another record where that one has the unique key.
    const accepted = record.accepted.then(() => record.ready)
    // A caller need not wait for the promise.
    accepted.catch(() => {})
    return accepted
  }

  get outcome(): Promise<Outcome> {
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome)
    this.#listener ??= Promise.withResolvers()
    return this.#listener.promise
  }

  cancel(): boolean {
    return this.scope.runner.cancel(this, 'cancel')
  }

  /** The async context of the caller; `undefined` once the task has ended. @internal */
  get context(): AsyncResource | undefined {
    return this.#context
  }

  /** The task can't begin before something else has happened. @internal */
  postpone(): void {
    this.scope.runner.backlog.postpone(this)
  }

  /** The task could begin from now on. @internal */
  makeDue(): void {
    this.scope.runner.backlog.resume(this)
  }

  /** Calls the function. Throws what the function throws. @internal */
  call(): unknown {
    return this.#fn?.apply(undefined, this.#args as never[])
  }

  /** Aborts the signal, also one that nobody has asked for yet: code that asks later finds it aborted. @internal */
  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** Begins an attempt, which has a signal of its own. @internal */
  begin(): void {
    this.state = 'running'
    this.attempt++
    if (this.attempt > 1) this.#controller = undefined
  }

  /** Sets the outcome. A caller that keeps the handle keeps neither the function, nor its arguments, nor its context. @internal */
  end(outcome: Outcome): void {
    this.#name = this.name
    this.#outcome = outcome
    this.#fn = this.#args = this.#context = undefined
    this.#listener?.resolve(outcome)
  }
}
