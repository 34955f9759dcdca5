import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Scope, ScopeResponse, SentResponse } from '../scope.ts'
import { discardWrites } from './late-write.ts'

/** The responses of a connection that wait to be sent: one listener for each socket, however many are pipelined. */
const waiting = Symbol('afterword.waiting')
type TrackedSocket = Socket & { [waiting]?: Set<() => void> }

/** A response of `node:http` or `node:https`, or of what poses as one. */
export class Http1Response implements ScopeResponse {
  scope?: Scope
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  #outcome: 'open' | 'delivered' | 'aborted' = 'open'

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
  }

  /** `finish`, `close`, or the socket's `close`: a pipelined response that was never written gets no event of its own. */
  whenSent(callback: (sent: SentResponse) => void): void {
    const res = this.#res
    const socket = this.#req.socket as TrackedSocket | undefined
    const sent = (delivered: boolean) => {
      if (this.#outcome !== 'open') return
      this.#outcome = delivered ? 'delivered' : 'aborted'
      if (socket !== undefined) socket[waiting]?.delete(closed)
      this.#discardWrites()
      callback(this.describe())
    }
    // After a reset, Node 20 and 22 emit `finish` all the same; then only the socket tells.
    const finished = () => sent(!socket?.errored)
    const closed = () => sent(false)
    if (res.writableFinished) return finished()
    if (res.closed || res.destroyed || socket?.destroyed) return closed()
    // Ahead of other listeners: one that throws keeps those behind it from being called.
    res.prependListener('finish', finished)
    res.prependListener('close', closed)
    if (socket !== undefined) watch(socket).add(closed)
  }

  describe(): SentResponse {
    const { method = 'GET' } = this.#req
    const delivered = this.#outcome === 'delivered'
    const aborted = this.#outcome === 'aborted'
    return { method, path: pathOf(this.#req), status: this.#res.statusCode, delivered, aborted }
  }

  end(): void {
    if (!this.#res.writableEnded) this.#res.end()
    this.#discardWrites()
  }

  #discardWrites(): void {
    discardWrites('response', this.#res, () => this.describe())
  }
}

function watch(socket: TrackedSocket): Set<() => void> {
  if (socket[waiting] !== undefined) return socket[waiting]
  const closed = new Set<() => void>()
  socket[waiting] = closed
  // In this context for all requests of the connection: the listener holds on to none of them.
  socket.once?.('close', () => {
    for (const callback of closed) callback()
  })
  return closed
}

/** Express changes `url` in mounted apps and keeps the original. */
export function pathOf(req: { url?: string | undefined; originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
