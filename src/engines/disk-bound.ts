import { statSync } from 'node:fs'
import { join } from 'node:path'
import { clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'

/** The time in ms for which the size of the files counts. */
const interval = 500
const mebibyte = 2 ** 20

interface DiskBoundOptions {
  /** The name of the engine. */
  readonly engine: string
  readonly folder: string
  /** The most bytes. */
  readonly most: number
}

/** The bound of what waits on the disk for an engine: the size of the database that all processes on the folder share. */
export class DiskBound {
  readonly #options: DiskBoundOptions
  readonly #files: readonly string[]
  #size = 0
  #lookedAt = -interval

  constructor(options: DiskBoundOptions) {
    this.#options = options
    this.#files = ['shared.db', 'shared.db-wal'].map((name) => join(options.folder, name))
  }

  /** @throws AfterwordError `AFTERWORD_FORWARDING_FULL` where no further call has room */
  check(): void {
    const now = clock.now()
    if (now - this.#lookedAt >= interval) {
      this.#lookedAt = now
      this.#size = this.#files.reduce((sum, file) => sum + sizeOf(file), 0)
    }
    const { engine, folder, most } = this.#options
    if (this.#size <= most) return
    const inMebibytes = (bytes: number) => Math.ceil((10 * bytes) / mebibyte) / 10
    throw new AfterwordError('AFTERWORD_FORWARDING_FULL', [engine, inMebibytes(this.#size), folder, inMebibytes(most)])
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
