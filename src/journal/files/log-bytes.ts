import { closeSync, fstatSync, openSync } from 'node:fs'
import { readableBytesAt, readInto } from './file-read.ts'

/** The bytes of a log, for those who read it. */
export class LogBytes {
  readonly path: string
  readonly size: number
  readonly #file: number
  readonly #salvage: boolean
  readonly #bad = new Set<number>()

  /** Opens a log. Throws the errors of the file system. @param salvage pages that can't be read are zeros */
  constructor(path: string, salvage: boolean) {
    this.path = path
    this.#file = openSync(path, 'r')
    this.#salvage = salvage
    this.size = fstatSync(this.#file).size
  }

  /** Opens a log; `undefined` where there is none. @param salvage as in the constructor */
  static openIfThere(path: string, salvage: boolean): LogBytes | undefined {
    try {
      return new LogBytes(path, salvage)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** The number of pages that could not be read. */
  get badPages(): number {
    return this.#bad.size
  }

  /** Reads bytes, fewer at the end of the log. Throws the errors of the file system. @param space where the bytes go, at its beginning */
  at(offset: number, length: number, space: Buffer = Buffer.allocUnsafe(length)): Buffer {
    const buffer = space.subarray(0, length)
    if (!this.#salvage) return buffer.subarray(0, readInto(this.#file, buffer, offset))
    const { bytes, bad } = readableBytesAt(this.#file, offset, buffer)
    for (const page of bad) this.#bad.add(page)
    return bytes
  }

  close(): void {
    closeSync(this.#file)
  }
}
