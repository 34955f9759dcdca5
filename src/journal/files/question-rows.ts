import type { Database, Statement } from '../../options/app-database.ts'

/** The rows by which one process asks another, in the shared database: each has a number, and the moment at which it was asked. */
export class QuestionRows {
  readonly #table: string
  readonly #database: Database
  readonly #statements = new Map<string, Statement>()

  constructor(database: Database, table: string) {
    this.#database = database
    this.#table = table
  }

  /** Removes a row whose answer is not waited for any more. */
  remove(row: number): void {
    this.prepare(`DELETE FROM ${this.#table} WHERE number = ?`).run(row)
  }

  /** Some rows are older than that. @param before by `Date.now()` */
  hasOld(before: number): boolean {
    return this.prepare(`SELECT 1 FROM ${this.#table} WHERE asked < ? LIMIT 1`).get(before) !== undefined
  }

  /** Removes the rows of processes that have died. @param before by `Date.now()` */
  forget(before: number): void {
    this.prepare(`DELETE FROM ${this.#table} WHERE asked < ?`).run(before)
  }

  /** Prepares a statement once. */
  protected prepare(sql: string): Statement {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}
