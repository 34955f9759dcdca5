import type { RecordRow } from '../files/log-format.ts'
import { failuresOf, type LogContents } from '../files/log-reader.ts'
import type { Row } from './record-reader.ts'

/** Makes the rows of the records in a log, in the order in which they were deferred. */
export function loggedRows(contents: LogContents, state: 'pending' | 'failed'): Row[] {
  const rows =
    state === 'pending'
      ? Array.from(contents.pending.values(), pendingRow)
      : Array.from(failuresOf(contents).values(), ({ row, attempt, failedAt, reason, error }): Row => {
          const { runAt: _, ...common } = pendingRow(row)
          return { ...common, attempt, failedAt, reason, error }
        })
  return rows.sort((a, b) => a.key - b.key)
}

function pendingRow(row: RecordRow): Row {
  const [key, job, version, args, options, created, attempt, runAt, , , singleton] = row
  return { key, job, version, args, options, created, attempt, runAt, singleton }
}
