import { endMarkSize, frameHeadSize, markEnd, writeFrameHead } from '../files/log-format.ts'

/** The size in bytes with which a buffer begins. */
const firstSize = 16 * 1024
/** The most bytes that a character of a string takes in UTF-8. */
const mostBytes = 3

/** A frame buffer gathers the entries of the next frame as bytes, in the place from which the frame is written. */
export class FrameBuffer {
  #bytes = Buffer.allocUnsafe(firstSize)
  #end = frameHeadSize

  get isEmpty(): boolean {
    return this.#end === frameHeadSize
  }

  /** The size in bytes of the frame. */
  get size(): number {
    return this.#end
  }

  /** The size in bytes of the frame with an entry added to it, or more: no character is counted. */
  sizeWith(text: string, more = ''): number {
    return this.#end + 1 + mostBytes * (text.length + more.length)
  }

  /** Adds an entry, or several, one a line. @param more the rest of the entry: to join two strings takes longer than to write both */
  add(text: string, more = ''): void {
    const most = this.sizeWith(text, more)
    if (most + endMarkSize > this.#bytes.length) this.#grow(most + endMarkSize)
    if (!this.isEmpty) this.#bytes[this.#end++] = lineBreak
    this.#end += this.#bytes.write(text, this.#end)
    if (more !== '') this.#end += this.#bytes.write(more, this.#end)
  }

  /** Makes the frame, and its end mark. It stays as it is until the next call of `add`, which begins another one. */
  take(sequence: number, frame: number): Uint8Array {
    const length = this.#end - frameHeadSize
    this.#end = frameHeadSize
    writeFrameHead(this.#bytes, length, sequence, frame)
    return markEnd(this.#bytes, length)
  }

  #grow(least: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(least, 2 * this.#bytes.length))
    this.#bytes.copy(bytes, 0, 0, this.#end)
    this.#bytes = bytes
  }
}

const lineBreak = '\n'.charCodeAt(0)
