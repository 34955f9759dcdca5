import { clock } from '../../clock.ts'
import type { Database } from '../../options/app-database.ts'
import { QuestionRows } from './question-rows.ts'

/**
 * The rows by which a living process is asked which of its records run, in the shared database: no database tells that, since the begin of
 * a run is not stored.
 */
export class RunningRows extends QuestionRows {
  constructor(database: Database) {
    super(database, 'afterword_running')
  }

  /** Asks a process. @returns the number of the row */
  ask(process: number): number {
    const sql = 'INSERT INTO afterword_running (process, asked) VALUES (?, ?)'
    return Number(this.prepare(sql).run(process, clock.date()).lastInsertRowid)
  }

  /** The process is asked, and has not answered. */
  isOpen(process: number): boolean {
    const sql = 'SELECT 1 FROM afterword_running WHERE process = ? AND records IS NULL LIMIT 1'
    return this.prepare(sql).get(process) !== undefined
  }

  /** Answers all who have asked a process. */
  answer(process: number, recordIds: readonly number[]): void {
    const sql = 'UPDATE afterword_running SET records = ? WHERE process = ? AND records IS NULL'
    this.prepare(sql).run(JSON.stringify(recordIds), process)
  }

  /** The ids of the records that run; `undefined` where there is no answer yet. */
  answerTo(row: number): number[] | undefined {
    const found = this.prepare('SELECT records FROM afterword_running WHERE number = ?').get(row)
    const records = (found as { records: string | null } | undefined)?.records
    return typeof records === 'string' ? JSON.parse(records) : undefined
  }
}
