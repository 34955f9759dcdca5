import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SentResponse } from '../../sent-response.ts'
import type { Host, ResponseGate } from '../../task/response.ts'
import { type RefusableResponse, refuseAtBarrier } from './barrier.ts'
import { holdsBytes, waitsForRoom } from './held-bytes.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldSocket } from './held-socket.ts'
import { discardResponseWrites, discardsWrites, discardUnreported } from './late-write.ts'
import { type OpenResponse, open } from './open-responses.ts'
import { ownResponse } from './own-response.ts'

type OwningResponse = ServerResponse & { [ownResponse]?: Http1Response }

/** A response of `node:http` or `node:https`, or of what poses as one. */
export class Http1Response implements RefusableResponse, OpenResponse {
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
  #req: IncomingMessage | undefined
  #res: OwningResponse | undefined
  /** The response as it was sent, once the others were let go. */
  #lastly: SentResponse | undefined
  #state: 'open' | 'delivered' | 'aborted' = 'open'
  #callback: ((sent: SentResponse) => void) | undefined

  private constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
  }

  /** Finds the object for a response, or makes it at the first call. */
  static of(req: IncomingMessage, res: OwningResponse): Http1Response {
    const known = res[ownResponse]
    if (known !== undefined) return known
    const response = new Http1Response(req, res)
    res[ownResponse] = response
    // Requests that are injected by tests may have no socket.
    if (req.socket) open(req.socket, response)
    return response
  }

  /** Listens to `finish` and `close`. The socket's `close` is listened to for all responses of a connection. */
  whenSent(callback: (sent: SentResponse) => void): void {
    const req = this.#req
    const res = this.#res
    if (req === undefined || res === undefined) return callback(this.describe())
    this.#callback = callback
    if (isOver(req, res)) return this.#sent(this.#isWhole ? 'delivered' : 'aborted')
    // These come ahead of other listeners: one that throws keeps those behind it from being called.
    res.prependListener('finish', onFinish)
    res.prependListener('close', onClose)
    if (res.writableEnded) return
    if (HeldSocket.canHold(req.socket)) {
      this.nodeEnd = res.end
      res.end = onEnd
    } else new HeldCalls(res, this)
  }

  get holdsBytes(): boolean {
    return holdsBytes(this.gate, this.#ending)
  }

  get ended(): boolean {
    return this.#ending || this.#res?.writableEnded !== false
  }

  /** The handler ends the response. */
  ending(): void {
    this.#ending = true
    if (waitsForRoom(this.gate)) HeldSocket.watch((this.#req as IncomingMessage).socket)
  }

  refused(): void {
    if (this.#res !== undefined && !this.held && !this.begun) refuseAtBarrier(this.#res, this)
  }

  /** Express has its way to answer errors in `req.next`, also where no adapter of its own has opened the scope. */
  answerError(): ((error: Error) => unknown) | undefined {
    const { next } = this.#req as { next?: unknown }
    const isExpress = 'app' in (this.#res as object) && typeof next === 'function'
    return this.answersError ?? (isExpress ? (error) => next(error) : undefined)
  }

  /** A refusal was sent in place of the response. */
  answered(error: unknown): void {
    this.#sent(error ? 'aborted' : 'delivered')
  }

  discardRefused(): void {
    this.discardWrites()
    if (this.#res !== undefined) discardUnreported(this.#res)
  }

  finished(): void {
    // After a reset, Node 20 and 22 emit `finish` all the same; then only the socket tells.
    this.#sent(this.#req?.socket?.errored ? 'aborted' : 'delivered')
  }

  /** The response was closed without `finish`. */
  closed(): void {
    this.#sent('aborted')
  }

  disconnected(): void {
    if (this.#callback !== undefined) this.closed()
  }

  /** A timer that a handler leaves behind keeps its scope, and that this object, for as long as it lives. */
  letGo(): boolean {
    const req = this.#req
    const res = this.#res
    if (req === undefined || res === undefined) return true
    if (this.held || this.#callback !== undefined || !isOver(req, res)) return false
    if (this.#state === 'open') this.#state = this.#isWhole ? 'delivered' : 'aborted'
    this.#lastly = this.describe()
    this.#req = undefined
    this.#res = undefined
    this.answersError = undefined
    this.nodeEnd = undefined
    return true
  }

  describe(): SentResponse {
    if (this.#lastly !== undefined) return this.#lastly
    const { method = 'GET' } = this.#req as IncomingMessage
    const path = pathOf(this.#req as IncomingMessage)
    const delivered = this.#state === 'delivered'
    const aborted = this.#state === 'aborted'
    return { method, path, status: (this.#res as ServerResponse).statusCode, delivered, aborted }
  }

  end(): void {
    if (this.#res === undefined) return
    if (!this.ended && !discardsWrites(this.#res)) this.#res.end()
    // A middleware may still have to end the response, by methods that it calls later.
    if (this.#res.writableEnded) this.discardWrites()
  }

  discardWrites(): void {
    if (this.#res !== undefined) discardResponseWrites(this.#res, this)
  }

  /** The response has finished. Once the client has gone, Node 22 says so of one that its handler ends afterwards. */
  get #isWhole(): boolean {
    return this.#res?.writableFinished === true && !this.#req?.errored && !this.#req?.socket?.errored
  }

  #sent(state: 'delivered' | 'aborted'): void {
    if (this.#state !== 'open') return
    this.#state = state
    // A handler whose client has left may still write, and need not know.
    if (this.#res?.writableEnded) this.discardWrites()
    this.#callback?.(this.describe())
    this.#callback = undefined
  }
}

/** The response has finished, or its client has gone. */
function isOver(req: IncomingMessage, res: ServerResponse): boolean {
  return res.writableFinished || res.closed || res.destroyed || req.socket?.destroyed
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

/** Express changes `url` in mounted apps and keeps the original. */
export function pathOf(req: { url?: string | undefined; originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
