import type { Database, Statement } from '../../options/app-database.ts'

/** A statement of either library, which gives values in the form for which its database was set. */
interface AppStatement extends Statement {
  setReadBigInts?(enabled: boolean): unknown
  setReturnArrays?(enabled: boolean): unknown
  safeIntegers?(enabled: boolean): unknown
}

/** Has statements give rows as objects, and numbers, whatever the app has set for its own. */
export function asPlain(database: Database): Database {
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement: AppStatement = database.prepare(sql)
      statement.setReadBigInts?.(false)
      statement.setReturnArrays?.(false)
      statement.safeIntegers?.(false)
      return statement
    },
  }
}

/** Names the parameters of statements: better-sqlite3 takes numbered parameters for named ones. */
export function byNumber(database: Database): Database {
  const named = (values: unknown[]) => Object.fromEntries(values.map((value, i) => [i + 1, value])) as never
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql)
      if (!/\?\d/.test(sql)) return statement
      return {
        run: (...values) => statement.run(named(values)),
        get: (...values) => statement.get(named(values)),
        all: (...values) => statement.all(named(values)),
      }
    },
  }
}
