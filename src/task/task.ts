import { AsyncResource } from 'node:async_hooks'
import type { TaskSettings } from '../options/task-options.ts'
import type { Outcome } from './outcome.ts'
import type { JobRecord } from './record.ts'
import type { SentResponse } from './response.ts'
import type { Scope } from './scope.ts'

/** The caller's handle on a deferred task. */
export interface Deferred<T = unknown> {
  /** Unique among all tasks of all processes. */
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

/** What a running task can know of itself. */
export interface CurrentTask {
  readonly id: string
  readonly name: string
  /** 1 for the first run. */
  readonly attempt: number
  /** Aborts when the task's time is up. */
  readonly signal: AbortSignal
  /**
   * Gives requests a turn, for tasks that compute for long: `await currentTask().yield()` in their loops. Resolves at once while
   * the slice of the task lasts. Rejects with the reason of `signal` once the time is up.
   */
  yield(): Promise<void>
  /** The response that the task was deferred in; `undefined` outside a request. */
  readonly request: SentResponse | undefined
}

// Two processes never share ids: the start of the process and a random part, then a counter.
// Made when first asked for: Cloudflare Workers know neither the time nor chance before the first request.
let made: string | undefined
const origin = () =>
  (made ??= `${Date.now().toString(36)}${Math.floor(Math.random() * 36 ** 4)
    .toString(36)
    .padStart(4, '0')}`)
let serials = 0

/**
 * One function call to make after the response.
 *
 *     waiting ──► running ──► ended
 *        │  ▲        │          ▲
 *        │  └────────┘ retry    │
 *        └──────────────────────┘ cancelled
 */
export class Task implements Deferred, CurrentTask {
  /** The task behind this one in its scope's lane. @internal */
  next: Task | undefined
  /** @internal */
  readonly scope: Scope
  /** @internal */
  readonly settings: TaskSettings
  /** @internal */
  state: 'waiting' | 'running' | 'ended' = 'waiting'
  attempt = 0
  /** What is stored of it. @internal */
  readonly record: JobRecord | undefined
  /** The task with its key that was there before it. @internal */
  original: Task | undefined

  readonly #serial = ++serials
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
    settings: TaskSettings,
    fn: (...args: never[]) => unknown,
    args: readonly unknown[],
    record?: JobRecord,
  ) {
    this.record = record
    this.scope = scope
    this.settings = settings
    this.#fn = fn
    this.#args = args
    this.#context = new AsyncResource('AfterwordTask')
  }

  get id(): string {
    return this.record?.id ?? this.original?.id ?? `${origin()}-${this.#serial.toString(36)}`
  }

  get name(): string {
    return (this.#name ??= this.settings.name ?? this.settings.label ?? (this.#fn?.name || 'anonymous'))
  }

  /** The same for calls of the same function: a job's name, or the text of the function. @internal */
  get key(): string {
    return this.settings.label ?? String(this.#fn)
  }

  /** For people: the name, and the id to tell it from others of that name. */
  get title(): string {
    return `"${this.name}" (${this.id})`
  }

  /** Empty once the task has ended. */
  get args(): readonly unknown[] {
    return this.#args ?? []
  }

  get request(): SentResponse | undefined {
    return this.scope.sent
  }

  get signal(): AbortSignal {
    // Made when asked for: most tasks never look at it.
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  async yield(): Promise<void> {
    await this.scope.scheduler.yield()
    this.#controller?.signal.throwIfAborted()
  }

  get accepted(): Promise<void> {
    return this.record?.accepted ?? Promise.resolve()
  }

  /** @internal */
  get entered(): Promise<void> {
    return this.record?.entered ?? Promise.resolve()
  }

  get outcome(): Promise<Outcome> {
    if (this.#outcome !== undefined) return Promise.resolve(this.#outcome)
    this.#listener ??= Promise.withResolvers()
    return this.#listener.promise
  }

  cancel(): boolean {
    return this.scope.cancel(this, 'cancel')
  }

  /** Calls `fn` in the context of this task's caller, with this task as the current one. Throws what it throws. @internal */
  inContext<T>(fn: (task: Task) => T): T {
    const context = this.#context as AsyncResource
    const { storage } = this.scope.scheduler
    return context.runInAsyncScope(storage.run<T, [Task]>, storage, this, fn, this)
  }

  /** @internal */
  call(): unknown {
    return this.#fn?.apply(undefined, this.#args as never[])
  }

  /** The signal is made here if nobody asked for it yet: code that asks later finds it aborted. @internal */
  abort(reason: unknown): void {
    this.#controller ??= new AbortController()
    this.#controller.abort(reason)
  }

  /** A new attempt gets a signal of its own. @internal */
  begin(): void {
    this.state = 'running'
    this.attempt++
    if (this.attempt > 1) this.#controller = undefined
  }

  /** Whoever keeps the handle keeps neither the function, nor its arguments, nor its caller's context. @internal */
  end(outcome: Outcome): void {
    this.#name = this.name
    this.#outcome = outcome
    this.#fn = this.#args = this.#context = undefined
    this.#listener?.resolve(outcome)
  }
}
