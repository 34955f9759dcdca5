import { LogBytes } from './log-bytes.ts'
import { entry, parseAccepted, type RecordRow } from './log-format.ts'
import { type Range, RecordPlaces } from './record-places.ts'

/** The bytes that are read in one go. */
const windowSize = 64 * 1024

/** The values of a record that later entries have changed. */
interface Changes {
  options?: string | null
  attempt?: number
  runAt?: number
  delay?: number
}

/**
 * The records of a log that are pending. In memory are only the places of their entries, and what later entries have changed: there may be
 * a million of them. The rows are read from the file when they are asked for.
 */
export class PendingRecords {
  readonly #path: string
  readonly #salvage: boolean
  readonly #places = new RecordPlaces()
  readonly #changes = new Map<number, Changes>()
  #unreadable = 0

  /** @param salvage rows in pages that can't be read are left out */
  constructor(path: string, salvage = false) {
    this.#path = path
    this.#salvage = salvage
  }

  get size(): number {
    return this.#places.size
  }

  /** The number of entries that could not be read as one, in frames that check. */
  get unreadable(): number {
    return this.#unreadable
  }

  has(id: number): boolean {
    return this.#places.has(id)
  }

  /** Yields the ids in ascending order. */
  keys(): Generator<number> {
    return this.#places.ids()
  }

  /** Yields the rows in the order of their ids. Throws the errors of the file system. */
  *values(): Generator<RecordRow> {
    yield* this.rows(this.keys())
  }

  /** Reads a row. Throws the errors of the file system. */
  get(id: number): RecordRow | undefined {
    return this.rows([id]).next().value ?? undefined
  }

  /**
   * Reads the rows of some records. A row that the file has no more is left out: a living process has used its segment again. Throws the
   * errors of the file system.
   */
  *rows(ids: Iterable<number>): Generator<RecordRow, undefined> {
    const log = new LogBytes(this.#path, this.#salvage)
    try {
      yield* this.#rowsIn(log, ids)
    } finally {
      log.close()
    }
    return undefined
  }

  *#rowsIn(log: LogBytes, ids: Iterable<number>): Generator<RecordRow, undefined> {
    let space: Buffer = Buffer.allocUnsafe(windowSize)
    let window = space.subarray(0, 0)
    let start = 0
    for (const id of ids) {
      const { offset, length } = this.#places.get(id) ?? { offset: 0, length: 0 }
      if (offset < start || offset + length > start + window.length) {
        start = offset
        if (length > space.length) space = Buffer.allocUnsafe(length)
        window = log.at(offset, space.length, space)
      }
      const row = this.#rowIn(window.toString('utf8', offset - start, offset - start + length), id)
      if (row !== undefined) yield row
    }
    return undefined
  }

  /** A record is accepted. */
  add(id: number, { offset, length }: Range): void {
    this.#places.set(id, offset, length)
    this.#changes.delete(id)
  }

  /** Later entries have changed values of a record. */
  change(id: number, changes: Changes): void {
    if (this.has(id)) this.#changes.set(id, { ...this.#changes.get(id), ...changes })
  }

  delete(id: number): void {
    this.#places.delete(id)
    this.#changes.delete(id)
  }

  #rowIn(line: string, id: number): RecordRow | undefined {
    if (!line.startsWith(`[${entry.accept},${id},`)) return undefined
    try {
      return changed(parseAccepted(line), this.#changes.get(id))
    } catch {
      this.#unreadable++
      return undefined
    }
  }
}

/** Makes the row of a record with values that have changed since the record was accepted. */
export function changed(row: RecordRow, changes: Changes | undefined): RecordRow {
  if (changes === undefined) return row
  const [id, job, version, args, storedOptions, created, ...rest] = row
  const [firstAttempt, firstRunAt, firstDelay, owner, uniqueKey, more] = rest
  const { options = storedOptions, attempt = firstAttempt, runAt = firstRunAt, delay = firstDelay } = changes
  return [id, job, version, args, options, created, attempt, runAt, delay, owner, uniqueKey, more]
}
