import { renameSync, unlinkSync } from 'node:fs'
import { clock } from '../../clock.ts'
import type { Report } from '../files/database.ts'
import { isShared, type RecordRow } from '../files/log-format.ts'
import { failuresOf, isDamaged, type LogContents, type LoggedFailure, readSegments } from '../files/log-reader.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import { owner } from '../files/schema.ts'
import { concernsFile } from '../files/sqlite-errors.ts'
import type { RecordTable } from './record-table.ts'

/** The number of records that are moved in one go. */
const pageSize = 500

/** The time in ms for which reading a log fails before what can be read of it is all there is: a bad sector stays one. */
const lastingError = 10_000

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
 * this process die as well, the next recovery goes on there. Until the log is read,
 * no record in the database of the slot may run: one that the dead process has moved there itself may be pending in the log still.
 */
export class LogRecovery {
  readonly #path: string
  readonly #slot: number
  readonly #own: RecordTable
  /** The shared table, which is another one once the file was moved aside. */
  readonly #shared: () => RecordTable
  readonly #tell: Report
  #segments: Iterator<LogContents>
  /** The moment of the first read that failed, by `performance.now()`. */
  #failedAt: number | undefined
  #contents: LogContents | undefined
  /** The ids of the records that are left, in ascending order. */
  #left: Iterator<number> | undefined
  #failures: ReadonlyMap<number, LoggedFailure> = new Map()
  /** The ids of the page that is to be moved: one that could not be moved is moved again. */
  #page: readonly number[] = []

  constructor(path: string, slot: number, own: RecordTable, shared: () => RecordTable, tell: Report) {
    this.#path = path
    this.#slot = slot
    this.#own = own
    this.#shared = shared
    this.#tell = tell
    this.#segments = readSegments(path)
  }

  /** The log was read to its end: what is in the database of the slot from now on is not pending in the log. */
  get isRead(): boolean {
    return this.#left !== undefined
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
    const contents = this.#contents as LogContents
    if (this.#page.length > 0) this.#movePage(contents, this.#page)
    this.#page = take(this.#left, pageSize)
    if (this.#page.length > 0) return true
    this.#end(contents)
    return false
  }

  /** Reads on. After an error the log is read anew: a part of it must not be taken for the whole, unless the error lasts. */
  #read(): IteratorResult<LogContents, unknown> {
    try {
      return this.#segments.next()
    } catch (error) {
      this.#failedAt ??= clock.now()
      this.#segments = readSegments(this.#path, clock.now() - this.#failedAt > lastingError)
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

  /** The ids of records that no recovery before this one has moved. Should this one be cut short, each is moved once all the same. */
  #unmoved(contents: LogContents): Iterator<number> {
    const { added, notes } = this.#own
    const lastMoved = notes.lastMoved(this.#slot)
    if (contents.pending.size > 0) {
      this.#own.atomically(() => added.removeUnnoted(lastMoved, (id) => contents.pending.has(id)), true)
    }
    this.#failures = failuresOf(contents)
    // A damaged entry may have the id of another slot.
    const isLeft = (id: number) => slotOf(id) === this.#slot && id > lastMoved
    const failed = [...this.#failures.keys()].filter(isLeft).sort((a, b) => a - b)
    return inOrder(contents.pending.keys(), isLeft, failed)
  }

  #movePage({ pending, lastId }: LogContents, ids: readonly number[]): void {
    const { added, notes } = this.#own
    // The process itself has listed these as failed, and did not live to note it in the log.
    const failed = added.failedOf(ids)
    const left = ids.filter((id) => !failed.has(id))
    const rows = pending.rows(left.filter((id) => pending.has(id)))
    const failures = left.flatMap((id) => this.#failures.get(id) ?? [])
    const page = [
      ...Array.from(rows, (row): LeftRecord => ({ row, failure: undefined })),
      ...failures.map((failure): LeftRecord => ({ row: failure.row, failure })),
    ].sort((a, b) => a.row[0] - b.row[0])
    const forwarded = page.filter(({ row }) => isSharedRow(row))
    if (forwarded.length > 0) this.#inShared((shared) => this.#forward(shared, forwarded, lastId))
    const store = ({ row, failure }: LeftRecord) =>
      failure === undefined ? added.insert(ownedBy(row, owner.orphaned)) : added.insertFailed(failure)
    const others = page.filter(({ row }) => !isSharedRow(row))
    // The id of a damaged entry may be one that is given later: a record with it has not moved.
    const last = Math.min(ids.at(-1) as number, lastId)
    this.#store(this.#own, others, store, () => {
      if (last > notes.lastMoved(this.#slot)) notes.noteMoved(last)
    })
  }

  #forward(shared: RecordTable, records: readonly LeftRecord[], lastId: number): void {
    const { added, notes } = shared
    // A page that could not be moved in full has forwarded its records, and another process may have run them since.
    const lastForwarded = notes.lastForwarded(this.#slot)
    const left = records.filter(({ row: [id] }) => id > lastForwarded)
    const last = left.at(-1)
    if (last === undefined) return
    const store = ({ row, failure }: LeftRecord) => {
      if (failure !== undefined) added.insertFailed(failure)
      else added.share(row[9] === owner.free ? row : ownedBy(row, owner.orphaned))
    }
    this.#store(shared, left, store, () => notes.noteForwarded(Math.min(last.row[0], lastId)))
  }

  /** Stores records, and a note of them, in one transaction. Records that the database refuses are listed as failed. */
  #store(
    table: RecordTable,
    records: readonly LeftRecord[],
    store: (record: LeftRecord) => void,
    note: () => void,
  ): void {
    const refused = new Map<number, string>()
    const storeAll = (each: (record: LeftRecord) => void) =>
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
    const aside = `${this.#path}.damaged-${new Date(clock.date()).toISOString().replaceAll(':', '-')}`
    renameSync(this.#path, aside)
    this.#tell('AFTERWORD_JOURNAL_DAMAGED', [this.#path, aside])
  }
}

/** Yields those of the ids that are left, and the others, all in ascending order, as they are given. */
function* inOrder(
  ids: Iterable<number>,
  isLeft: (id: number) => boolean,
  others: readonly number[],
): Generator<number> {
  let next = 0
  for (const id of ids) {
    if (!isLeft(id)) continue
    for (; next < others.length && (others[next] as number) < id; next++) yield others[next] as number
    yield id
  }
  yield* others.slice(next)
}

/** Takes the next items, at most so many. */
function take<T>(items: Iterator<T>, most: number): T[] {
  const taken: T[] = []
  while (taken.length < most) {
    const { value, done } = items.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

const isSharedRow = (row: RecordRow) => isShared(row[9], row[10])

/** Makes the row of a record with another owner. */
function ownedBy(row: RecordRow, by: number): RecordRow {
  const [id, job, version, args, options, created, attempt, runAt, delay, , uniqueKey, more] = row
  return [id, job, version, args, options, created, attempt, runAt, delay, by, uniqueKey, more]
}
