import type { DatabaseSync } from 'node:sqlite'
import type { Database } from '../../options/app-database.ts'
import { concernsFile, damage, isDamage } from './sqlite-errors.ts'
import { atomically } from './transaction.ts'

/** The number of times that a file is checked in which there are faults: pages that were read stay in memory. */
const mostChecks = 4

/**
 * Checks a whole file: damage in its midst is found only when that part is read, which may be much later, and fails again and again.
 * Indexes are made anew where they differ from their tables; single values that no release writes are left to the upkeep.
 */
export function checkIntegrity(database: DatabaseSync): void {
  let found: string | undefined
  // A page that could not be read once may be all right.
  for (let tries = mostChecks; tries > 0; tries--) {
    found = faultsOf(database)[0]
    if (found === undefined) return
  }
  try {
    atomically(database, () => {
      rebuildIndexes(database)
      const left = faultsOf(database).find((fault) => !/ value in |^NULL value/.test(fault))
      if (left !== undefined) throw damage(left)
    })
  } catch (error) {
    throw concernsFile(error) && !isDamage(error) ? error : damage(String(found))
  }
}

function faultsOf(database: DatabaseSync): string[] {
  const rows = database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]
  const faults = rows.map(({ integrity_check: message }) => message).filter((message) => message !== 'ok')
  return faults.length > 0 ? faults : unreadableIndexes(database)
}

/** An index of the journal's tables. */
interface Index {
  readonly name: string
  readonly table: string
  /** The statement that makes it. */
  readonly sql: string
}

function indexesOf(database: Database): Index[] {
  return database
    .prepare(
      `SELECT name, tbl_name AS "table", sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL
      AND tbl_name IN ('afterword_records', 'afterword_failed', 'afterword_keys')`,
    )
    .all() as unknown as Index[]
}

/** The faults of indexes that can't be read: where an index has no entries, SQLite's own check does not look at the kind of its page. */
function unreadableIndexes(database: DatabaseSync): string[] {
  return indexesOf(database).flatMap(({ name, table, sql }) => {
    const [, condition = 'true'] = / WHERE (.*)$/s.exec(sql) ?? []
    try {
      database.prepare(`SELECT 1 FROM ${table} INDEXED BY ${name} WHERE ${condition} LIMIT 1`).get()
      return []
    } catch (error) {
      if (isDamage(error)) return [`The index ${name} can't be read`]
      throw error
    }
  })
}

/** Makes the indexes anew from their tables: they go first, for SQLite's own statement leaves the page of one without entries. Throws the errors of SQLite. */
export function rebuildIndexes(database: Database): void {
  for (const { name, sql } of indexesOf(database)) database.exec(`DROP INDEX ${name}; ${sql}`)
}
