type Value = string | number | null

/** The part of a database that the journal uses: `DatabaseSync` of node:sqlite and the `Database` of better-sqlite3 have it. */
export interface Database {
  exec(sql: string): unknown
  prepare(sql: string): Statement
}

export interface Statement {
  run(...values: Value[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  get(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
}

/** An open database of the app: `DatabaseSync` of node:sqlite, or the `Database` of better-sqlite3. */
export interface AppDatabase extends Database {
  /** `isTransaction` and `location` are of node:sqlite. */
  readonly isTransaction?: boolean
  location?(): string | null
  /** `inTransaction`, `memory` and `name` are of better-sqlite3. */
  readonly inTransaction?: boolean
  readonly memory?: boolean
  readonly name?: string
}
