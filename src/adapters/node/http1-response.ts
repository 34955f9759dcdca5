import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SentResponse } from '../../sent-response.ts'
import type { Host, ResponseGate } from '../../task/response.ts'
import { type RefusableResponse, refuseAtBarrier } from './barrier.ts'
import { holdsBytes, waitsForRoom } from './held-bytes.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldSocket } from './held-socket.ts'
import { discardResponseWrites, discardsWrites, discardUnreported } from './late-write.ts'
import { ownResponse } from './own-response.ts'

type OwningResponse = ServerResponse & { [ownResponse]?: Http1Response }

/** The responses of a connection that stand behind another one: one listener for all of them. */
const pipelined = Symbol('afterword.pipelined')
type TrackedSocket = Socket & { [pipelined]?: Set<Http1Response> }

/** A response of `node:http` or `node:https`, or of what poses as one. */
export class Http1Response implements RefusableResponse {
  gate?: ResponseGate
  host?: Host | undefined
  held = false
  begun = false
  /** The framework's way to answer an error. */
  answersError: ((error: Error) => unknown) | undefined
  /** The `end` of Node's response, or of a middleware. */
  nodeEnd: ServerResponse['end'] | undefined
  /** The handler has called `end`, which a middleware may make to wait. */
  #ending = false
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
    if (res.writableEnded) return
    if (HeldSocket.canHold(this.#req.socket)) {
      this.nodeEnd = res.end
      res.end = onEnd
    } else new HeldCalls(res, this)
  }

  get holdsBytes(): boolean {
    return holdsBytes(this.gate, this.#ending)
  }

  get ended(): boolean {
    return this.#ending || this.#res.writableEnded
  }

  /** The handler ends the response. */
  ending(): void {
    this.#ending = true
    if (waitsForRoom(this.gate)) HeldSocket.watch(this.#req.socket)
  }

  refused(): void {
    if (!this.held && !this.begun) refuseAtBarrier(this.#res, this)
  }

  /** Express has its way to answer errors in `req.next`, also where no adapter of its own has opened the scope. */
  answerError(): ((error: Error) => unknown) | undefined {
    const { next } = this.#req as { next?: unknown }
    const isExpress = 'app' in this.#res && typeof next === 'function'
    return this.answersError ?? (isExpress ? (error) => next(error) : undefined)
  }

  /** A refusal was sent in place of the response. */
  answered(error: unknown): void {
    this.#sent(error ? 'aborted' : 'delivered')
  }

  discardRefused(): void {
    this.discardWrites()
    discardUnreported(this.#res)
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
    if (!this.ended && !discardsWrites(this.#res)) this.#res.end()
    // A middleware may still have to end the response, by methods that it calls later.
    if (this.#res.writableEnded) this.discardWrites()
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

/** The `end` of all responses that have tasks. */
function onEnd(this: OwningResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): OwningResponse {
  const response = this[ownResponse] as Http1Response
  response.ending()
  return response.nodeEnd?.call(this, chunk, encoding as BufferEncoding, callback as () => void) as OwningResponse
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
