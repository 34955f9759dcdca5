import type { IncomingMessage, ServerResponse } from 'node:http'
import { setImmediate } from '../../clock.ts'
import type { SentResponse } from '../../sent-response.ts'
import { ownResponse } from '../../task/address.ts'
import type { Host, ResponseGate } from '../../task/response.ts'
import { type RefusableResponse, refuseAtBarrier } from './barrier.ts'
import { holdsBytes, waitsForRoom } from './held-bytes.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldSocket } from './held-socket.ts'
import { discardResponseWrites, discardsWrites, discardUnreported } from './late-write.ts'
import { type OpenResponse, open } from './open-responses.ts'
import { type EmittingResponse, scopeRequest, scopeResponse } from './scoped-listeners.ts'

type Owning<T> = T & { [ownResponse]?: Http1Response }

/** A response of `node:http` or `node:https`, or of what poses as one. */
export class Http1Response implements RefusableResponse, OpenResponse, EmittingResponse {
  gate?: ResponseGate
  host?: Host | undefined
  held = false
  begun = false
  /** The framework's way to answer an error. */
  answersError: ((error: Error) => unknown) | undefined
  requestEmit: EmittingResponse['requestEmit']
  responseEmit: EmittingResponse['responseEmit']
  /** The `end` of Node's response, or of a middleware. */
  nodeEnd: ServerResponse['end'] | undefined
  /** The handler has called `end`, which a middleware may make to wait. */
  #ending = false
  #req: IncomingMessage | undefined
  #res: ServerResponse | undefined
  /** The response as it was sent, once the others were let go. */
  #lastly: SentResponse | undefined
  #state: 'open' | 'delivered' | 'aborted' = 'open'
  #callback: ((sent: SentResponse) => void) | undefined

  private constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req
    this.#res = res
  }

  /** Finds the object for a response, or makes it at the first call. */
  static of(req: Owning<IncomingMessage>, res: Owning<ServerResponse>): Http1Response {
    const known = res[ownResponse]
    if (known !== undefined) return known
    const response = new Http1Response(req, res)
    req[ownResponse] = response
    res[ownResponse] = response
    // Requests that are injected by tests may have no socket.
    if (req.socket) open(req.socket, response)
    return response
  }

  /** The request has a body, whose events Node emits outside the scope: its parser has one context for a whole connection. */
  readsBody(): void {
    this.gate?.keepContext()
    scopeRequest(this.#req as IncomingMessage, this)
  }

  /** The connection is about to be closed: Node emits what follows outside the scope. */
  disconnecting(): void {
    if (this.#req !== undefined) scopeRequest(this.#req, this)
    if (this.#res !== undefined) scopeResponse(this.#res, this)
  }

  /** The `close` of the socket is listened to for all responses of a connection. */
  emits(event: string | symbol): void {
    if (this.#callback === undefined) return
    if (event === 'finish') this.finished()
    else if (event === 'close') this.#sent('aborted')
  }

  whenSent(callback: (sent: SentResponse) => void): void {
    const req = this.#req
    const res = this.#res
    if (req === undefined || res === undefined) return callback(this.describe())
    this.#callback = callback
    if (isOver(req, res)) return this.#sent(this.#isWhole ? 'delivered' : 'aborted')
    scopeResponse(res, this)
    if (res.writableEnded) return
    if (req.socket == null) this.#followEnd(res)
    if (HeldSocket.canHold(req.socket)) {
      this.nodeEnd = res.end
      res.end = onEnd
    } else new HeldCalls(res, this)
  }

  /** A mock without a socket may tell nothing of its end: the call of `end` is all there is to go by. */
  #followEnd(res: ServerResponse): void {
    const { end } = res
    res.end = (...args: unknown[]) => {
      const result = end.apply(res, args as never)
      setImmediate(() => res.socket == null && this.#callback !== undefined && this.#sent('delivered'))
      return result
    }
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

  disconnected(): void {
    if (this.#callback !== undefined) this.#sent('aborted')
  }

  /** A timer that a handler leaves behind keeps its scope, and that this object, for as long as it lives. */
  letGo(): boolean {
    const req = this.#req
    const res = this.#res
    if (req === undefined || res === undefined) return true
    if (this.held || this.#callback !== undefined || !isOver(req, res)) return false
    if (this.#state === 'open') this.#state = this.#isWhole ? 'delivered' : 'aborted'
    this.#lastly ??= this.describe()
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
    const sent = this.describe()
    this.#callback?.(sent)
    this.#callback = undefined
    if (state === 'aborted') return
    // While the objects are at hand, that costs less than when the next request comes.
    this.#lastly = sent
    this.letGo()
  }
}

/** The response has finished, or its client has gone. */
function isOver(req: IncomingMessage, res: ServerResponse): boolean {
  return res.writableFinished || res.closed || res.destroyed || req.socket?.destroyed
}

/** The `end` of all responses that have tasks. */
function onEnd(this: ServerResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): ServerResponse {
  const response = (this as Owning<ServerResponse>)[ownResponse] as Http1Response
  response.ending()
  return response.nodeEnd?.call(this, chunk, encoding as BufferEncoding, callback as () => void) as ServerResponse
}

/** Express changes `url` in mounted apps and keeps the original. */
export function pathOf(req: { url?: string | undefined; originalUrl?: string }): string {
  const url = req.originalUrl ?? req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
