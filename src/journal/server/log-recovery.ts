import { renameSync, unlinkSync } from 'node:fs'
import { concernsFile, type Report } from '../files/database.ts'
import type { RecordRow } from '../files/log-format.ts'
import { failuresOf, isDamaged, type LogContents, type LoggedFailure, readSegments } from '../files/log-reader.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import { owner } from '../files/schema.ts'
import type { RecordTable } from './record-table.ts'

/** The number of records that are moved in one go. */
const pageSize = 500

/** The error of a recovery that concerns the shared database, not that of the slot. */
export class SharedError extends Error {}

/** A record that is left in a log: pending, or failed for good. */
interface LeftRecord {
  readonly row: RecordRow
  readonly failure: LoggedFailure | undefined
}

/**
 * A recovery moves the records of a dead process from its log to the databases: those that only its process could run to the database of
 * its slot, the others to the shared one. The database of the slot notes how far the recovery has come, in the same transaction: should
 * this process die as well, the next recovery goes on there.
 */
export class LogRecovery {
  readonly #path: string
  readonly #slot: number
  readonly #own: RecordTable
  /** The shared table, which is another one once the file was moved aside. */
  readonly #shared: () => RecordTable
  readonly #tell: Report
  #segments: Iterator<LogContents>
  #contents: LogContents | undefined
  #left: LeftRecord[] | undefined
  #next = 0

  constructor(path: string, slot: number, own: RecordTable, shared: () => RecordTable, tell: Report) {
    this.#path = path
    this.#slot = slot
    this.#own = own
    this.#shared = shared
    this.#tell = tell
    this.#segments = readSegments(path)
  }

  /** Reads the next segment, or moves the next page. @returns whether more follows. Throws the errors of SQLite and of the file system. */
  step(): boolean {
    if (this.#left === undefined) {
      const { value, done } = this.#read()
      if (!done) {
        this.#contents = value
        return true
      }
      if (this.#contents === undefined) return false
      this.#left = this.#unmoved(this.#contents)
    }
    if (this.#next < this.#left.length) {
      this.#movePage(this.#left.slice(this.#next, this.#next + pageSize))
      this.#next += pageSize
      if (this.#next < this.#left.length) return true
    }
    this.#end(this.#contents as LogContents)
    return false
  }

  /** Reads on. After an error the log is read anew: a part of it must not be taken for the whole. */
  #read(): IteratorResult<LogContents, unknown> {
    try {
      return this.#segments.next()
    } catch (error) {
      this.#segments = readSegments(this.#path)
      this.#contents = undefined
      throw error
    }
  }

  /** Calls `fn` with the shared table. Its errors tell nothing of the slot's own database, which would be moved aside as damaged. */
  #inShared<T>(fn: (shared: RecordTable) => T): T {
    try {
      return fn(this.#shared())
    } catch (cause) {
      throw new SharedError(String(cause), { cause })
    }
  }

  /** The records that no recovery before this one has moved. Should it be cut short, each of them is moved once all the same. */
  #unmoved(contents: LogContents): LeftRecord[] {
    const lastMoved = this.#own.added.lastMoved(this.#slot)
    const pending = Array.from(contents.pending.values(), (row): LeftRecord => ({ row, failure: undefined }))
    const failed = Array.from(failuresOf(contents).values(), (failure): LeftRecord => ({ row: failure.row, failure }))
    return (
      [...pending, ...failed]
        // A damaged entry may have the id of another slot.
        .filter(({ row: [id] }) => slotOf(id) === this.#slot && id > lastMoved)
        .sort((a, b) => a.row[0] - b.row[0])
    )
  }

  #movePage(page: readonly LeftRecord[]): void {
    const forwarded = page.flatMap(({ row, failure }) => (failure === undefined && isShared(row) ? [row] : []))
    if (forwarded.length > 0) this.#inShared((shared) => this.#forward(shared, forwarded))
    const { added } = this.#own
    const others = page.filter(({ row, failure }) => failure !== undefined || !isShared(row))
    const store = ({ row, failure }: LeftRecord) =>
      failure === undefined ? added.insert(ownedBy(row, owner.orphaned)) : added.insertFailed(failure)
    const [last] = (page.at(-1) as LeftRecord).row
    this.#store(this.#own, others, store, () => added.noteMoved(last))
  }

  #forward(shared: RecordTable, rows: readonly RecordRow[]): void {
    const { added } = shared
    // A page that could not be moved in full has forwarded its records, and another process may have run them since.
    const lastForwarded = added.lastForwarded(this.#slot)
    const left = rows.filter(([id]) => id > lastForwarded)
    const last = left.at(-1)
    if (last === undefined) return
    const share = ({ row }: Pick<LeftRecord, 'row'>) =>
      void added.share(row[9] === owner.free ? row : ownedBy(row, owner.orphaned))
    this.#store(
      shared,
      left.map((row) => ({ row })),
      share,
      () => added.noteForwarded(last[0]),
    )
  }

  /** Stores records, and a note of them, in one transaction. Records that the database refuses are listed as failed. */
  #store<T extends Pick<LeftRecord, 'row'>>(
    table: RecordTable,
    records: readonly T[],
    store: (record: T) => void,
    note: () => void,
  ): void {
    const refused = new Map<number, string>()
    const storeAll = (each: (record: T) => void) =>
      table.atomically(() => {
        refused.clear()
        records.forEach(each)
        note()
      }, true)
    try {
      return storeAll(store)
    } catch (error) {
      if (concernsFile(error)) throw error
    }
    storeAll((record) => {
      try {
        table.nested(() => store(record))
      } catch (error) {
        if (concernsFile(error)) throw error
        const { row } = record
        table.added.insertAside(row[0], row, 'refused', String(error))
        refused.set(row[0], String(error))
      }
    })
    for (const [id, why] of refused) this.#tell('AFTERWORD_SET_ASIDE', [idOf(id), why])
  }

  #end(contents: LogContents): void {
    const { lastId } = contents
    if (lastId > 0) this.#own.atomically(() => this.#own.beginBlock(lastId), true)
    if (!isDamaged(contents)) return unlinkSync(this.#path)
    const aside = `${this.#path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`
    renameSync(this.#path, aside)
    this.#tell('AFTERWORD_JOURNAL_DAMAGED', [this.#path, aside])
  }
}

/** Any process may run the record, or has to know of its unique key. */
function isShared(row: RecordRow): boolean {
  return row[9] === owner.free || row[10] !== null
}

/** Makes the row of a record with another owner, due its delay from now on at the latest: the clock may have been set back. */
function ownedBy(row: RecordRow, by: number): RecordRow {
  const [id, job, version, args, options, created, attempt, runAt, delay, , uniqueKey] = row
  const soonest = Math.min(runAt, Date.now() + delay)
  return [id, job, version, args, options, created, attempt, soonest, delay, by, uniqueKey]
}
