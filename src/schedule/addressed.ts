import { AsyncResource } from 'node:async_hooks'
import { AfterwordError, describe } from '../errors.ts'
import { report } from '../events.ts'
import { gateOf } from '../task/address.ts'
import { rootContext } from './current.ts'

/**
 * Makes a call one of the request for which an object stands, whatever request the caller belongs to. Where no adapter has opened a scope for
 * that request, the call belongs to none.
 * @param what the name of the call, for errors
 * @returns the call. It throws AfterwordError `AFTERWORD_NOT_A_REQUEST`, and what `call` throws
 */
export function addressed<A extends never[], R>(what: string, address: object, call: (...args: A) => R) {
  return (...args: A): R => {
    if (typeof address !== 'object' || address === null) {
      throw new AfterwordError('AFTERWORD_NOT_A_REQUEST', [what, describe(address)])
    }
    const gate = gateOf(address)
    if (gate !== undefined) return gate.enter(call, undefined, ...args)
    report(new AfterwordError('AFTERWORD_UNKNOWN_REQUEST', [what]))
    return rootContext.runInAsyncScope(call as (...args: unknown[]) => R, undefined, ...args)
  }
}

/**
 * Binds a callback to the request whose code runs now, and to its AsyncLocalStorage stores: for a driver that calls it as code of whichever
 * request has opened the connection. `pool.query(sql, bind((error, rows) => { defer(audit, rows) }))`
 * @throws AfterwordError `AFTERWORD_NOT_A_FUNCTION`
 *
 * @example
 * pool.query(sql, bind((error, rows) => defer(audit, rows)))
 */
export function bind<A extends unknown[], R>(callback: (...args: A) => R): (...args: A) => R {
  if (typeof callback !== 'function') throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', ['bind', describe(callback)])
  return AsyncResource.bind(callback)
}
