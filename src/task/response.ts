import type { AfterwordError } from '../errors.ts'
import type { SentResponse } from '../sent-response.ts'

/** A host asks for the work of a request in its own way. A server that lives on asks nothing. */
export interface Host {
  /** Is handed the work of a request when there is some: the platforms' `waitUntil`. */
  waitUntil?(work: Promise<void>): void
  /** The host runs no code after the response: the tasks run before it. */
  readonly before?: boolean
  /** The moment at which the host ends the work, by `performance.now()`. */
  readonly deadline?: number | undefined
}

/**
 * A response as a scope sees it. An adapter implements it.
 *
 * @example
 * const response: ScopeResponse = {
 *   whenSent: (callback) => exchange.once('sent', () => callback(response.describe())),
 *   describe: () => ({ method, path, status: exchange.status, delivered: !exchange.broken, aborted: exchange.broken }),
 *   end: () => exchange.end(),
 * }
 * instance().scope(response, () => handle(exchange))
 */
export interface ScopeResponse {
  readonly host?: Host | undefined
  /** The gate that this response asks before its bytes leave. `Afterword.scope` sets it. @internal */
  gate?: ResponseGate
  /** Calls back once, when the response was sent or the client has gone, at once if that is past. Asked once at most. */
  whenSent(callback: (sent: SentResponse) => void): void
  /** Tells how the response stands now. */
  describe(): SentResponse
  /** Ends the response if it is still open, and discards what is written to it from now on. */
  end(): void
  /** A record of the response was refused: `gate.refusal` tells why. Called at once where the journal refuses at the call. */
  refused?(): void
}

/** A gate tells an adapter what its response waits for: records that are not on disk yet, and room in the backlog. */
export interface ResponseGate {
  /** The instance has a journal: bytes before the end may have to wait as well. */
  readonly keeps: boolean
  /** Some tasks of the response have no outcome yet. */
  readonly busy: boolean
  /** The reason why a record of the response was refused: then the response must not tell of a success. */
  readonly refusal: AfterwordError | undefined
  /** The response tells of the refusal: nothing waits for the refused records any more. */
  refusalTold(): void
  /**
   * Called when the handler has ended the response. The promise resolves when something has changed; `undefined`: the response may leave.
   * The promise rejects if a record can't be stored.
   */
  beforeEnd(): Promise<unknown> | undefined
  /** Called before bytes that are not the last ones leave. Waits as `beforeEnd` does, but for records only. */
  beforeBytes(): Promise<unknown> | undefined
  /** Resolves when the response was sent and no task is left. */
  settled(): Promise<void>
  /** Makes the async context of the caller, which is in the scope, that of the request. */
  keepContext(): void
  /** Calls a function as code of the request: in the context of the caller if that belongs to the request, else in that of the request. */
  enter<A extends unknown[], R>(fn: (...args: A) => R, self: unknown, ...args: A): R
}
