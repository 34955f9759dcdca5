import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SentResponse } from '../../sent-response.ts'
import type { Host, ResponseGate } from '../../task/response.ts'
import { type HeldResponse, holdEnd } from './held-end.ts'
import { discardResponseWrites, discardsWrites } from './late-write.ts'
import { ownResponse } from './own-response.ts'

type OwningResponse = ServerResponse & { [ownResponse]?: Http1Response }

/** The responses of a connection that stand behind another one: one listener for all of them. */
const pipelined = Symbol('afterword.pipelined')
type TrackedSocket = Socket & { [pipelined]?: Set<Http1Response> }

/** A response of `node:http` or `node:https`, or of what poses as one. */
export class Http1Response implements HeldResponse {
  gate?: ResponseGate
  host?: Host | undefined
  nodeEnd: HeldResponse['nodeEnd']
  writes: HeldResponse['writes']
  readonly #req: IncomingMessage
  readonly #res: OwningResponse
  #state: 'open' | 'delivered' | 'aborted' = 'open'
  #callback: ((sent: SentResponse) => void) | undefined

  private constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
  }

  /** Finds the object for a response, or makes it at the first call. */
  static of(req: IncomingMessage, res: OwningResponse): Http1Response {
    res[ownResponse] ??= new Http1Response(req, res)
    return res[ownResponse]
  }

  /** Listens to `finish`, `close`, and the socket's `close`: a pipelined response that was never written gets no event of its own. */
  whenSent(callback: (sent: SentResponse) => void): void {
    this.#callback = callback
    const res = this.#res
    const socket = this.#req.socket as TrackedSocket | undefined
    // Once the client has gone, Node 22 calls a response finished that its handler ends afterwards.
    if (res.writableFinished) return this.#req.errored ? this.closed() : this.finished()
    if (res.closed || res.destroyed || socket?.destroyed) return this.closed()
    // These come ahead of other listeners: one that throws keeps those behind it from being called.
    res.prependListener('finish', onFinish)
    res.prependListener('close', onClose)
    if (socket !== undefined && res.socket !== socket) track(socket).add(this)
    if (!res.writableEnded) holdEnd(res, this)
  }

  finished(): void {
    // After a reset, Node 20 and 22 emit `finish` all the same; then only the socket tells.
    this.#sent(this.#req.socket?.errored ? 'aborted' : 'delivered')
  }

  /** The response was closed without `finish`, or its connection before the response had its turn. */
  closed(): void {
    this.#sent('aborted')
  }

  describe(): SentResponse {
    const { method = 'GET' } = this.#req
    const delivered = this.#state === 'delivered'
    const aborted = this.#state === 'aborted'
    return { method, path: pathOf(this.#req), status: this.#res.statusCode, delivered, aborted }
  }

  end(): void {
    if (!this.#res.writableEnded && !discardsWrites(this.#res)) this.#res.end()
    this.discardWrites()
  }

  makeHead(): void {
    if (!this.#res.headersSent) this.#res.writeHead(this.#res.statusCode)
  }

  discardWrites(): void {
    discardResponseWrites(this.#res, this)
  }

  #sent(state: 'delivered' | 'aborted'): void {
    if (this.#state !== 'open') return
    this.#state = state
    ;(this.#req.socket as TrackedSocket | undefined)?.[pipelined]?.delete(this)
    // A handler whose client has left may still write, and need not know.
    if (this.#res.writableEnded) this.discardWrites()
    this.#callback?.(this.describe())
    this.#callback = undefined
  }
}

// Listeners for all responses: a closure for each would be one more object to allocate.
function onFinish(this: OwningResponse): void {
  this[ownResponse]?.finished()
}

function onClose(this: OwningResponse): void {
  this[ownResponse]?.closed()
}

function track(socket: TrackedSocket): Set<Http1Response> {
  if (socket[pipelined] !== undefined) return socket[pipelined]
  const responses = new Set<Http1Response>()
  socket[pipelined] = responses
  socket.once?.('close', () => {
    for (const response of responses) response.closed()
  })
  return responses
}

/** Express changes `url` in mounted apps and keeps the original. */
export function pathOf(req: { url?: string | undefined; originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
