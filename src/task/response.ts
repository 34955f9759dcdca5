import type { Scope } from './scope.ts'

/** A response as it was when it was sent. */
export interface SentResponse {
  readonly method: string
  /** Without the query, which may hold secrets. */
  readonly path: string
  readonly status: number
  /** The client was still there when the last byte left. */
  readonly delivered: boolean
  /** The client, or the handler, broke the response off. */
  readonly aborted: boolean
}

/** What the place where the code runs asks of the work of a request. A server that lives on asks nothing. */
export interface Host {
  /** Is handed the work whenever there is some: the platforms' `waitUntil`. */
  waitUntil?(work: Promise<void>): void
  /** Nothing can run after the response: the tasks run before it. */
  readonly before?: boolean
  /** When the host ends the work, by `performance.now()`. */
  readonly deadline?: number | undefined
}

/** What a scope needs of a response. Written by an adapter. */
export interface ScopeResponse {
  readonly host?: Host | undefined
  /** Set by `Afterword.scope`. @internal */
  scope?: Scope
  /** Calls back once, when the response was sent or the client has gone, at once if that is past. Asked once at most. */
  whenSent(callback: (sent: SentResponse) => void): void
  /** How the response stands now. */
  describe(): SentResponse
  /** Ends the response if it is still open, and discards what is written to it from now on. */
  end(): void
}
