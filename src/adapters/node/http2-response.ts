import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { SentResponse } from '../../sent-response.ts'
import { ownResponse } from '../../task/address.ts'
import type { Host, ResponseGate } from '../../task/response.ts'
import { type RefusableResponse, refuseAtBarrier } from './barrier.ts'
import { holdsBytes, waitsForRoom } from './held-bytes.ts'
import { HeldCalls } from './held-calls.ts'
import { HeldStream } from './held-stream.ts'
import { pathOf } from './http1-response.ts'
import { discardResponseWrites, discardStreamWrites, discardsWrites, discardUnreported } from './late-write.ts'
import { type EmittingResponse, scopeCompat, scopeResponse } from './scoped-listeners.ts'

type Owning<T> = T & { [ownResponse]?: Http2Response }

/** A response of `node:http2`, written through the stream itself or through the compatibility API. */
export class Http2Response implements RefusableResponse, EmittingResponse {
  gate?: ResponseGate
  host?: Host | undefined
  held = false
  begun = false
  /** The framework's way to answer an error. */
  answersError: ((error: Error) => unknown) | undefined
  requestEmit: EmittingResponse['requestEmit']
  responseEmit: EmittingResponse['responseEmit']
  /** The compatibility API's response to the same stream. */
  compat: Http2ServerResponse | undefined
  #callback: ((sent: SentResponse) => void) | undefined
  #stream: ServerHttp2Stream | undefined
  /** The response as it was sent, once the stream was let go. */
  #lastly: SentResponse | undefined
  readonly #method: string
  readonly #path: string
  #sent = false
  #ending = false

  private constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream
    this.#method = headers[':method'] ?? 'GET'
    this.#path = pathOf({ url: headers[':path'] ?? '/' })
  }

  /** Finds the object that was made for a stream. */
  static known(stream: Owning<ServerHttp2Stream>): Http2Response | undefined {
    return stream[ownResponse]
  }

  static open(stream: Owning<ServerHttp2Stream>, headers: IncomingHttpHeaders): Http2Response {
    stream[ownResponse] = new Http2Response(stream, headers)
    return stream[ownResponse]
  }

  /** The scope was opened. */
  opened(): void {
    this.gate?.keepContext()
    scopeResponse(this.#stream as ServerHttp2Stream, this)
  }

  /** The stream was handed over as a request and a response of the compatibility API. */
  join(req: Owning<Http2ServerRequest>, res: Owning<Http2ServerResponse>): void {
    if (this.compat !== undefined) return
    this.compat = res
    req[ownResponse] = this
    res[ownResponse] = this
  }

  emits(event: string | symbol): void {
    if (event === 'close' && this.#callback !== undefined) this.#told()
  }

  /** The stream was closed. A timer that a handler leaves behind keeps its scope, and that this object. */
  emitted(event: string | symbol): void {
    if (event !== 'close' || this.#stream === undefined) return
    this.#sent = true
    this.#lastly = this.describe()
    this.#stream = undefined
    this.compat = undefined
    this.answersError = undefined
  }

  whenSent(callback: (sent: SentResponse) => void): void {
    const stream = this.#stream
    if (stream === undefined) return callback(this.describe())
    this.#callback = callback
    if (stream.closed || stream.destroyed) return this.#told()
    const res = this.compat ?? stream
    if (this.compat !== undefined) scopeCompat(this.compat, this)
    // The stream of a HEAD has ended before it begins.
    if (res.writableEnded && stream.headersSent) return
    if (HeldStream.canHold(stream)) this.#watchEnd(stream, res)
    else new HeldCalls(res, this)
  }

  get holdsBytes(): boolean {
    return holdsBytes(this.gate, this.#ending)
  }

  get ended(): boolean {
    return this.#ending || this.#res?.writableEnded !== false
  }

  refused(): void {
    if (this.#stream === undefined || this.held || this.begun) return
    refuseAtBarrier(this.#stream, this)
    if (this.compat !== undefined) refuseAtBarrier(this.compat, this)
  }

  answerError(): ((error: Error) => unknown) | undefined {
    return this.answersError
  }

  discardRefused(): void {
    this.discardWrites()
    if (this.#res !== undefined) discardUnreported(this.#res)
  }

  #watchEnd(stream: ServerHttp2Stream, res: Http2ServerResponse | ServerHttp2Stream): void {
    const target = res as { end: (...args: unknown[]) => unknown }
    const { end } = target
    target.end = (...args) => {
      this.#ending = true
      if (waitsForRoom(this.gate)) HeldStream.watch(stream, this)
      return end.apply(target, args)
    }
  }

  describe(): SentResponse {
    const stream = this.#stream
    if (stream === undefined) return this.#lastly as SentResponse
    // `finish` is emitted also when the client reset the stream; the code of the reset tells.
    const delivered = this.#sent && stream.rstCode === 0 && !stream.aborted && stream.writableEnded
    const status = Number(stream.sentHeaders?.[':status'] ?? this.compat?.statusCode ?? 200)
    return { method: this.#method, path: this.#path, status, delivered, aborted: this.#sent && !delivered }
  }

  end(): void {
    const stream = this.#stream
    if (stream === undefined || discardsWrites(this.compat ?? stream)) return
    if (this.#ending) {
      // A middleware may still have to end the response.
    } else if (this.compat !== undefined) {
      if (!this.compat.writableEnded) this.compat.end()
    } else if (!stream.writableEnded && !stream.destroyed) {
      if (!stream.headersSent) stream.respond()
      stream.end()
    }
    if (this.#res?.writableEnded) this.discardWrites()
  }

  discardWrites(): void {
    if (this.compat !== undefined) discardResponseWrites(this.compat, this)
    else if (this.#stream !== undefined) discardStreamWrites(this.#stream, this)
  }

  #told(): void {
    if (this.#sent) return
    this.#sent = true
    // A handler whose client has left may still write, and need not know.
    if (this.#res?.writableEnded) this.discardWrites()
    this.#callback?.(this.describe())
    this.#callback = undefined
  }

  /** The response or the stream that the handler writes to. */
  get #res(): Http2ServerResponse | ServerHttp2Stream | undefined {
    return this.compat ?? this.#stream
  }
}
