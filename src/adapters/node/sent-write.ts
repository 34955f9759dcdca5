import type { ServerHttp2Stream } from 'node:http2'
import { clearTimeout, setImmediate, setTimeout } from '../../clock.ts'

/** The interval in ms at which a write that takes long is looked at. */
const interval = 1000

/**
 * A write to an HTTP/2 stream that was held, and is on its way. Where the client has reset the stream meanwhile, nghttp2 forgets the bytes
 * and nobody calls back: Node would wait for the end of that write for ever before it closes the stream. So a write that takes long
 * is looked at, and the stream is destroyed if it was reset.
 */
export class SentWrite {
  readonly #stream: ServerHttp2Stream
  readonly #destroy: () => void
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor(stream: ServerHttp2Stream, destroy: () => void) {
    this.#stream = stream
    this.#destroy = destroy
    // Node tells of a reset in the turn after it came.
    setImmediate(() => setImmediate(this.#look))
  }

  /** Makes the callback that the write gets. */
  callback(callback: (...results: unknown[]) => void): (...results: unknown[]) => void {
    return (...results) => {
      this.#ended = true
      clearTimeout(this.#timer)
      callback(...results)
    }
  }

  readonly #look = (): void => {
    const { closed, destroyed } = this.#stream
    if (this.#ended || destroyed) return
    if (closed) this.#destroy()
    else this.#timer = setTimeout(this.#look, interval).unref()
  }
}
