import { kept, storing } from './kept-response.ts'
import { suspendWrites } from './late-write.ts'
import { refuse } from './refusal.ts'

type Method = (...args: unknown[]) => unknown

/** What Node gives to write to: a response of `node:http` or of the compatibility API of `node:http2`, or a stream of its core API. */
interface NodeResponse {
  write: Method
  flushHeaders?: Method
  readonly destroyed?: boolean
  emit(event: 'drain'): unknown
  [kept]?: WritingResponse
}

/** A response whose writes may have to wait. */
export interface WritingResponse {
  readonly writes: HeldWrites | undefined
  /** Its status and its headers are now what they are. Not where that would send them. */
  makeHead?(): void
  /** From now on whatever is written to Node's response is discarded. */
  discardWrites(): void
}

/**
 * What is written to a response before its end. It waits for records that are not accepted: a response that is written piece by piece
 * may be whole, by its `Content-Length`, before it is ended; and until then a refusal can still be a 503.
 */
export class HeldWrites {
  readonly #res: NodeResponse
  readonly #response: WritingResponse
  readonly #write: Method
  readonly #flushHeaders: Method | undefined
  /** What is to be called when the records are accepted. */
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
  }

  /** As a stream that is full does, `false` asks the handler to go on at `drain`. */
  write(...args: unknown[]): unknown {
    this.#look()
    if (this.#calls === undefined) return this.#write.apply(this.#res, args)
    this.#calls.push(() => this.#write.apply(this.#res, args))
    return false
  }

  flushHeaders(): void {
    this.#look()
    const flush = () => this.#flushHeaders?.call(this.#res)
    if (this.#calls === undefined) flush()
    else this.#calls.push(flush)
  }

  /** True if something waits: then `end` is called behind that. */
  endLater(end: () => unknown): boolean {
    if (this.#calls === undefined) return false
    this.#calls.push(end)
    this.#resume = suspendWrites(this.#res, this.#response)
    return true
  }

  #look(): void {
    if (this.#calls !== undefined) return
    const stored = storing(this.#res)
    if (stored === undefined) return
    void this.#wait(stored)
    this.#response.makeHead?.()
  }

  async #wait(first: Promise<unknown>): Promise<void> {
    const res = this.#res
    const calls: (() => unknown)[] = []
    this.#calls = calls
    const isStored = await this.#stored(first)
    this.#calls = undefined
    this.#resume?.()
    if (!isStored) {
      refuse(res)
      this.#response.discardWrites()
      return
    }
    // The client has gone.
    if (res.destroyed) return
    for (const call of calls) call()
    if (this.#resume === undefined) res.emit('drain')
  }

  /** False if a record can't be stored. Waits for those of meanwhile, too. */
  async #stored(first: Promise<unknown>): Promise<boolean> {
    try {
      for (let stored: Promise<unknown> | undefined = first; stored !== undefined; stored = storing(this.#res)) {
        await stored
      }
      return true
    } catch {
      return false
    }
  }
}

function onWrite(this: NodeResponse, ...args: unknown[]): unknown {
  return this[kept]?.writes?.write(...args)
}

function onFlushHeaders(this: NodeResponse): void {
  this[kept]?.writes?.flushHeaders()
}
