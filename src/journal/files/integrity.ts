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
  return rows.map(({ integrity_check: message }) => message).filter((message) => message !== 'ok')
}

/** Makes the indexes anew from their tables. Throws the errors of SQLite. */
export function rebuildIndexes(database: Database): void {
  database.exec('REINDEX afterword_records; REINDEX afterword_failed')
}
