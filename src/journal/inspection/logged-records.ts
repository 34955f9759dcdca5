import type { DatabaseSync } from 'node:sqlite'
import { isShared, type RecordRow } from '../files/log-format.ts'
import { LogNotes } from '../files/log-notes.ts'
import { failuresOf, type LogContents } from '../files/log-reader.ts'
import { count, pages } from './journal-files.ts'
import type { Row } from './record-reader.ts'

interface LoggedRecordsParts {
  readonly slot: number
  readonly contents: LogContents
  /** The database of the slot. */
  readonly database: DatabaseSync
  /** The highest id of a record that was forwarded from the log to the shared database. */
  readonly lastForwarded: number
}

/**
 * The records for which a log answers. The log is read before the databases: what moves meanwhile is found there. A log that is being
 * recovered, or whose process was killed amid a move, has records as well that the databases have had, and that may have ended.
 */
export class LoggedRecords {
  readonly #contents: LogContents
  readonly #database: DatabaseSync
  readonly #lastMoved: number
  readonly #lastForwarded: number
  /** The pending records that the database lists as failed. */
  readonly #failed: ReadonlySet<number>

  constructor({ slot, contents, database, lastForwarded }: LoggedRecordsParts) {
    this.#contents = contents
    this.#database = database
    this.#lastMoved = new LogNotes(database).lastMoved(slot)
    this.#lastForwarded = lastForwarded
    this.#failed = this.#pendingIn('failed')
  }

  has(recordId: number): boolean {
    return recordId > this.#lastMoved && this.#contents.pending.has(recordId) && !this.#failed.has(recordId)
  }

  /** Yields the ids of those that wait or run, in ascending order. */
  *pendingIds(): Generator<number> {
    for (const id of this.#contents.pending.keys()) if (this.has(id)) yield id
  }

  /**
   * Yields the rows of those that wait or run. Those that the log has no more are left out: a process that has recovered a log deletes it,
   * and its records are in the databases.
   */
  *pending(recordIds: Iterable<number> = this.pendingIds()): Generator<Row> {
    try {
      for (const row of this.#contents.pending.rows(recordIds)) {
        const [id, , , , , , , , , owner, uniqueKey] = row
        if (!isShared(owner, uniqueKey) || id > this.#lastForwarded) yield pendingRow(row)
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** The rows of those that have failed, in the order in which they were deferred. */
  get failed(): Row[] {
    const failures = [...failuresOf(this.#contents).values()].filter(({ row: [id] }) => id > this.#lastMoved)
    const rows = failures.map(({ row, attempt, failedAt, reason, error }): Row => {
      const { runAt: _, ...common } = pendingRow(row)
      return { ...common, attempt, failedAt, reason, error }
    })
    return rows.sort((a, b) => a.key - b.key)
  }

  /** Yields the rows of those that wait or run and are in no database yet. */
  *pendingHere(): Generator<Row> {
    const moved = this.#pendingIn('records')
    for (const row of this.pending()) if (!moved.has(row.key)) yield row
  }

  /** The rows of those that have failed and are in no database yet. */
  get failedHere(): Row[] {
    const inDatabase = this.#database.prepare('SELECT 1 FROM afterword_failed WHERE key = ?')
    return this.failed.filter(({ key }) => inDatabase.get(key) === undefined)
  }

  #pendingIn(table: 'records' | 'failed'): Set<number> {
    const { pending } = this.#contents
    const found = new Set<number>()
    if (pending.size === 0 || count(this.#database, table) === 0) return found
    for (const rows of pages<{ key: number }>(this.#database, `SELECT key FROM afterword_${table}`))
      for (const { key } of rows) if (pending.has(key)) found.add(key)
    return found
  }
}

function pendingRow(row: RecordRow): Row {
  const [key, job, version, args, options, created, attempt, runAt, , owner, singleton] = row
  return { key, job, version, args, options, created, attempt, runAt, owner, singleton }
}
