import { renameSync, unlinkSync } from 'node:fs'
import type { Report } from '../files/database.ts'
import type { RecordRow } from '../files/log-format.ts'
import { isDamaged, type LogContents, readSegments } from '../files/log-reader.ts'
import { owner } from '../files/schema.ts'
import type { RecordTable } from './record-table.ts'

/** The number of records that are moved in one go. */
const pageSize = 500

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
  #rows: RecordRow[] | undefined
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
    if (this.#rows === undefined) {
      const { value, done } = this.#read()
      if (!done) {
        this.#contents = value
        return true
      }
      if (this.#contents === undefined) return false
      this.#rows = this.#unmoved(this.#contents)
    }
    if (this.#next < this.#rows.length) {
      this.#movePage(this.#rows.slice(this.#next, this.#next + pageSize))
      this.#next += pageSize
      if (this.#next < this.#rows.length) return true
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
      throw new Error(`The shared database: ${String(cause)}`, { cause })
    }
  }

  #unmoved({ pending }: LogContents): RecordRow[] {
    const { lastMoved } = this.#own.added
    const lastForwarded = this.#inShared((shared) => shared.added.lastForwarded(this.#slot))
    const isLeft = (row: RecordRow) => row[0] > lastMoved && !(isShared(row) && row[0] <= lastForwarded)
    return [...pending.values()].filter(isLeft).sort(([a], [b]) => a - b)
  }

  #movePage(page: readonly RecordRow[]): void {
    const rows = page.filter(isShared)
    if (rows.length > 0) {
      this.#inShared((shared) =>
        shared.atomically(() => {
          for (const row of rows) shared.added.share(row[9] === owner.free ? row : ownedBy(row, owner.orphaned))
          shared.added.noteForwarded(rows.at(-1)?.[0] as number)
        }, true),
      )
    }
    this.#own.atomically(() => {
      for (const row of page) if (!isShared(row)) this.#own.added.insert(ownedBy(row, owner.orphaned))
      this.#own.added.lastMoved = page.at(-1)?.[0] as number
    }, true)
  }

  #end(contents: LogContents): void {
    const { failed, lastId } = contents
    this.#own.atomically(() => {
      for (const failure of failed.values()) this.#own.added.insertFailed(failure)
      if (lastId > 0) this.#own.beginBlock(lastId)
    }, true)
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
