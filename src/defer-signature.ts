import type { TaskOptions } from './options/task-options.ts'
import type { Deferred } from './task/task.ts'

/** A function that is to be called later. */
export type Fn<A extends unknown[], R> = (...args: A) => R

/**
 * Calls a function with its arguments after the response of the request that was addressed.
 *
 * @example
 * const deferred: Deferred<void> = defer.in(req)(audit, rows)
 */
export interface AddressedDefer {
  /**
   * Calls a function with its arguments after the response; outside a request, on the next turn. Tasks of one request run in the order of `defer`.
   *
   * @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`, `AFTERWORD_OVERLOADED`, `AFTERWORD_CLOSED`
   *
   * @example
   * defer(sendReceipt, order) // not sendReceipt(order): that would run now
   */
  <A extends unknown[], R>(fn: Fn<A, R>, ...args: A): Deferred<Awaited<R>>
  /** Binds options to the call. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION` */
  with(options: TaskOptions): <A extends unknown[], R>(fn: Fn<A, R>, ...args: A) => Deferred<Awaited<R>>
}

/**
 * Calls a function with its arguments after the response; outside a request, on the next turn.
 *
 * @example
 * function routes(app: App, { defer }: { defer: Defer }) {
 *   app.post('/orders', (req, res) => void defer(sendReceipt, req.body))
 * }
 */
export interface Defer extends AddressedDefer {
  /**
   * Addresses a request by what its handler was given, `req`, `res`, `c`, `ctx` or `event`, for callbacks that are called as code of another one:
   * `defer.in(req)(audit, user)`. @throws AfterwordError `AFTERWORD_NOT_A_REQUEST`
   */
  in(address: object): AddressedDefer
}
