import type { SentResponse } from '../../sent-response.ts'
import { refuse } from '../refusal.ts'
import { carryOut, checkWrite } from './held-calls.ts'
import { suspendWrites } from './late-write.ts'
import { beforeBytes, ownResponse } from './own-response.ts'

type Method = (...args: unknown[]) => unknown

/** A response that can be written to: of `node:http`, of the compatibility API of `node:http2`, or a stream of its core API. */
interface NodeResponse {
  write: Method
  flushHeaders?: Method
  readonly destroyed?: boolean
  readonly stream?: NodeStream
  emit(event: 'drain'): unknown
  [ownResponse]?: WritingResponse
}

/** The methods that begin a response on HTTP/2. Where no body may follow, and with a file, the head is all of the response. */
const heads = ['respond', 'respondWithFile', 'respondWithFD'] as const

interface NodeStream extends Record<(typeof heads)[number], Method> {
  readonly closed: boolean
  readonly headersSent: boolean
  /** The request is a HEAD, which no file can answer. */
  readonly headRequest?: boolean
}

/** A response whose writes may have to wait. */
export interface WritingResponse {
  readonly writes: HeldWrites | undefined
  /** Fixes the status and the headers. No bytes leave by that. */
  makeHead(): void
  describe(): SentResponse
  /** Discards all further writes to Node's response. */
  discardWrites(): void
}

/**
 * The writes to a response before its end, on HTTP/2 from its head on. They wait for records that are not accepted: a response that is
 * written piece by piece may be whole, by its `Content-Length`, before it is ended; and until then a refusal can still be a 503.
 */
export class HeldWrites {
  readonly #res: NodeResponse
  readonly #response: WritingResponse
  readonly #write: Method
  readonly #flushHeaders: Method | undefined
  /** The stream; `undefined` on HTTP/1. */
  readonly #stream: NodeStream | undefined
  /** The calls to make when the records are accepted. */
  #calls: (() => unknown)[] | undefined
  /** Set when the handler has ended the response meanwhile. */
  #resume: (() => void) | undefined

  constructor(res: object, response: WritingResponse) {
    this.#res = res as NodeResponse
    this.#response = response
    this.#write = this.#res.write
    this.#flushHeaders = this.#res.flushHeaders
    this.#res.write = onWrite
    if (this.#flushHeaders !== undefined) this.#res.flushHeaders = onFlushHeaders
    this.#stream = this.#res.stream ?? ('respond' in res ? (res as NodeStream) : undefined)
    if (this.#stream !== undefined) this.#holdHeads(this.#stream)
  }

  /** Writes, now or later. As a full stream does, `false` asks the handler to go on at `drain`. */
  write(...args: unknown[]): unknown {
    const calls = this.#look()
    if (calls === undefined) return this.#write.apply(this.#res, args)
    checkWrite(args[0], args[1])
    this.#response.makeHead()
    calls.push(() => this.#write.apply(this.#res, args))
    return false
  }

  flushHeaders(): void {
    const flush = () => this.#flushHeaders?.call(this.#res)
    const calls = this.#look()
    if (calls === undefined) return void flush()
    this.#response.makeHead()
    calls.push(flush)
  }

  /** Some calls wait: then `end` has to follow them. */
  get waits(): boolean {
    return this.#calls !== undefined
  }

  endLater(end: () => unknown): void {
    this.#calls?.push(end)
    this.#resume = suspendWrites(this.#res, this.#response)
  }

  #holdHeads(stream: NodeStream): void {
    for (const head of heads) {
      const send = stream[head]
      stream[head] = (...args) => {
        // Node throws at such a call, as it should.
        const fails = stream.headersSent || stream.closed || (stream.headRequest && head !== 'respond')
        const calls = fails ? undefined : this.#look()
        if (calls === undefined) return send.apply(stream, args)
        // The stream looks as if its head had left: the handler must not make another one.
        Object.defineProperty(stream, 'headersSent', { value: true, configurable: true })
        // The handler may change its headers for the next response.
        const asTheyAre = args.map((arg) => (isPlain(arg) ? { ...arg } : arg))
        return void calls.push(() => send.apply(stream, asTheyAre))
      }
    }
  }

  /** The calls that wait; `undefined` if no call has to. */
  #look(): (() => unknown)[] | undefined {
    if (this.#calls !== undefined) return this.#calls
    const stored = beforeBytes(this.#res)
    if (stored === undefined) return undefined
    void this.#wait(stored)
    return this.#calls
  }

  async #wait(first: Promise<unknown>): Promise<void> {
    const res = this.#res
    const calls: (() => unknown)[] = []
    this.#calls = calls
    const isStored = await this.#stored(first)
    this.#calls = undefined
    if (this.#stream !== undefined) Reflect.deleteProperty(this.#stream, 'headersSent')
    this.#resume?.()
    if (!isStored) {
      refuse(res)
      this.#response.discardWrites()
      return
    }
    // The client has gone.
    if (this.#stream?.closed ?? res.destroyed) return
    carryOut(res, this.#response, calls)
    if (this.#resume === undefined) res.emit('drain')
  }

  /** Waits for the records, also for those that come meanwhile. @returns false if a record can't be stored */
  async #stored(first: Promise<unknown>): Promise<boolean> {
    try {
      for (let stored: Promise<unknown> | undefined = first; stored !== undefined; stored = beforeBytes(this.#res)) {
        await stored
      }
      return true
    } catch {
      return false
    }
  }
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function onWrite(this: NodeResponse, ...args: unknown[]): unknown {
  return this[ownResponse]?.writes?.write(...args)
}

function onFlushHeaders(this: NodeResponse): void {
  this[ownResponse]?.writes?.flushHeaders()
}
