import { clock } from '../../clock.ts'
import type { Database } from '../../options/app-database.ts'
import { QuestionRows } from './question-rows.ts'

/** The state of a record in one database: it was deleted there, is a process's, or is not there. */
export type Found = 'withdrawn' | { readonly owner: number } | undefined

/**
 * The rows by which records are withdrawn. A record that no process has is deleted: the database decides between that and a claim. A record
 * that a living process has is withdrawn by that process: a row in the shared database asks for it, and gets the answer.
 */
export class WithdrawalRows extends QuestionRows {
  constructor(database: Database) {
    super(database, 'afterword_withdrawals')
  }

  /** Deletes a record that no process has. @param isDead tells of a process by its number that it has died */
  withdraw(recordId: number, isDead: (process: number) => boolean): Found {
    const found = this.found(recordId)
    if (found === undefined || (found.owner > 0 && !isDead(found.owner))) return found
    this.prepare('DELETE FROM afterword_records WHERE key = ?').run(recordId)
    return 'withdrawn'
  }

  /** Finds a record, with its owner; `undefined` where it is not there. */
  found(recordId: number): { readonly owner: number } | undefined {
    const row = this.prepare('SELECT owner FROM afterword_records WHERE key = ?').get(recordId)
    return row as { owner: number } | undefined
  }

  /** Finds the record that has a unique key. @param keys in JSON, the forms in which the key may be stored */
  find(job: string, keys: string): number | undefined {
    const sql = 'SELECT key FROM afterword_records WHERE job = ? AND singleton IN (SELECT value FROM json_each(?))'
    return (this.prepare(sql).get(job, keys) as { key: number } | undefined)?.key
  }

  /** Asks the process that has a record to withdraw it. @returns the number of the row */
  ask(recordId: number): number {
    const sql = 'INSERT INTO afterword_withdrawals (record, asked) VALUES (?, ?)'
    return Number(this.prepare(sql).run(recordId, clock.date()).lastInsertRowid)
  }

  /** The records that processes are asked for. */
  get open(): number[] {
    const rows = this.prepare('SELECT DISTINCT record FROM afterword_withdrawals WHERE answer IS NULL').all()
    return (rows as { record: number }[]).map(({ record }) => record)
  }

  /** Tells those who have asked for a record whether it was withdrawn. */
  answer(recordId: number, isWithdrawn: boolean): void {
    this.prepare('UPDATE afterword_withdrawals SET answer = ? WHERE record = ? AND answer IS NULL').run(
      Number(isWithdrawn),
      recordId,
    )
  }

  /** The answer to a row; `undefined` where there is none yet. */
  answerTo(row: number): boolean | undefined {
    const found = this.prepare('SELECT answer FROM afterword_withdrawals WHERE number = ?').get(row)
    const answer = (found as { answer: number | null } | undefined)?.answer
    return answer === undefined || answer === null ? undefined : answer === 1
  }
}
