import type { DatabaseSync } from 'node:sqlite'
import type { RecordRow } from '../files/log-format.ts'
import { failuresOf, type LogContents } from '../files/log-reader.ts'
import { count, pages } from './journal-files.ts'
import type { Row } from './record-reader.ts'

/**
 * Yields the rows of those records of a log that wait or run. Those that the log has no more are left out: a process that has recovered a
 * log deletes it, and its records are in the databases.
 */
export function* pendingRows({ pending }: LogContents, recordIds: Iterable<number>): Generator<Row> {
  try {
    for (const row of pending.rows(recordIds)) yield pendingRow(row)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Makes the rows of the failures of a log, in the order in which they were deferred. */
export function failedRows(contents: LogContents): Row[] {
  const rows = Array.from(failuresOf(contents).values(), ({ row, attempt, failedAt, reason, error }): Row => {
    const { runAt: _, ...common } = pendingRow(row)
    return { ...common, attempt, failedAt, reason, error }
  })
  return rows.sort((a, b) => a.key - b.key)
}

/** Finds the pending records of a log that are in the database by now. */
export function movedRecords(database: DatabaseSync, { pending }: LogContents): Set<number> {
  const moved = new Set<number>()
  if (pending.size === 0 || count(database, 'records') === 0) return moved
  for (const rows of pages<{ key: number }>(database, 'SELECT key FROM afterword_records'))
    for (const { key } of rows) if (pending.has(key)) moved.add(key)
  return moved
}

function pendingRow(row: RecordRow): Row {
  const [key, job, version, args, options, created, attempt, runAt, , owner, singleton] = row
  return { key, job, version, args, options, created, attempt, runAt, owner, singleton }
}
