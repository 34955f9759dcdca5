import type { Database } from '../../options/app-database.ts'

/** Calls `fn` in a transaction. Throws the errors of `fn`. */
export function atomically<T>(database: Database, fn: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = fn()
    database.exec('COMMIT')
    return value
  } catch (error) {
    try {
      database.exec('ROLLBACK')
    } catch {
      // SQLite has done so itself.
    }
    throw error
  }
}
