import type { CallOptions, JobOptions } from '../options/task-options.ts'
import type { Transaction } from '../options/transaction.ts'
import type { Deferred } from '../task/task.ts'

/**
 * A job is named, typed work.
 *
 * @example
 * const Resize: Job<[path: string]> = job('resize', resize)
 * Resize.with({ timeout: 60_000 }).defer('a.png')
 */
export interface Job<A extends unknown[] = unknown[], R = unknown> {
  readonly name: string
  /** Runs the handler after the response; outside a request, on the next turn. */
  defer(...args: A): Deferred<Awaited<R>>
  /**
   * Runs the handler whatever becomes of the response; with a journal, in any process that has room. Resolves with the id once the record
   * is stored, be it in an open transaction of the app's own database; where an earlier call has the same `key`, with the id of that call.
   */
  dispatch(...args: A): Promise<string>
  /**
   * Cancels the call with that `key`, of the job or of `with({ key })`, if it waits, as `instance().cancel(id)` does:
   * `SendDigest.cancel({ key: 'user-7' })`.
   * @returns false if there is none, or if it runs
   * @throws AfterwordError `AFTERWORD_NOT_ANSWERED`, `AFTERWORD_INVALID_OPTION`, `AFTERWORD_CLOSED`
   */
  cancel(of: { readonly key: string }): Promise<boolean>
  /**
   * Pauses the job: calls are accepted and wait, and no run begins; those that run go on. With a journal in all processes, also in those that
   * start later, until `resume`. Resolves when that is stored: other processes learn of it within a second or so.
   * @throws AfterwordError `AFTERWORD_NOT_PAUSED` where it can't be stored, `AFTERWORD_CLOSED`
   * @example
   * await SendMail.pause() // the mail server is being replaced
   */
  pause(): Promise<void>
  /** Ends a pause. @throws AfterwordError `AFTERWORD_NOT_PAUSED` where that can't be stored, `AFTERWORD_CLOSED` */
  resume(): Promise<void>
  /**
   * Addresses a request by what its handler was given, for callbacks that may be called as code of another one: `SendWelcome.in(req).defer(user)`.
   * @throws AfterwordError `AFTERWORD_NOT_A_REQUEST`, by the calls
   */
  in(address: object): Job<A, R>
  /** Binds a delay, a transaction or a confirmation, and other options: such calls can be dispatched, and not be deferred. */
  with(options: CallOptions<A> & DispatchOnly): DispatchedJob<A, R>
  /** Binds options to the calls of the job; its limits stay those of the job. */
  with(options: CallOptions<A>): Job<A, R>
  /** Binds an earlier version: the calls then take the arguments of that version. */
  with<B extends unknown[]>(options: CallOptions<B> & { readonly version: number }): Job<B, R>
}

/** Options that only `dispatch` knows. */
type DispatchOnly = { readonly delay: number } | { readonly tx: Transaction } | { readonly confirm: 'engine' }

/**
 * A job whose calls are dispatched, for a delay, a transaction or a confirmation is bound to them: no response is waited for.
 *
 * @example
 * const Tomorrow: DispatchedJob<[userId: string]> = Remind.with({ delay: 86_400_000 })
 * await Tomorrow.dispatch('user-7')
 */
export interface DispatchedJob<A extends unknown[] = unknown[], R = unknown>
  extends Omit<Job<A, R>, 'defer' | 'with' | 'in'> {
  /** Addresses a request, as `job.in` does. */
  in(address: object): DispatchedJob<A, R>
  /** Binds further options to the calls. */
  with(options: CallOptions<A>): DispatchedJob<A, R>
}

/**
 * A job whose handler is the default export of a module, run in a thread by the package `piscina`.
 *
 * @example
 * const Render = job<typeof render>('render', { thread: new URL('./render.ts', import.meta.url) })
 */
export type ThreadOptions<A extends unknown[] = unknown[]> = JobOptions<A> & {
  /** The module: `new URL('./render.ts', import.meta.url)`. */
  readonly thread: URL
  /** The parts of the arguments that are moved into the thread instead of being copied; such a job can't be retried. */
  readonly transfer?: (...args: A) => readonly unknown[]
}
