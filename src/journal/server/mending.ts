import { clock } from '../../clock.ts'
import { idOf } from '../files/record-id.ts'
import { isDamage, isOutOfRange } from '../files/sqlite-errors.ts'
import type { FromServer } from '../protocol.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'

/** The time in ms after which the indexes of a database are made anew once more. */
const rebuildInterval = 60_000

/** The time in ms after which a database that turned out not to be damaged is looked at once more. */
const checkInterval = 10_000

/** The highest key that SQLite can have. */
const anyKey = 2 ** 63

/** The mending of databases: odd records are set aside, indexes made anew, and a database that is damaged beyond that is moved aside. */
export class Mending {
  readonly #databases: Databases
  readonly #tell: (message: FromServer) => void
  /** The moments at which the indexes of tables were made anew, by `performance.now()`. */
  readonly #rebuilt = new WeakMap<RecordTable, number>()
  /** The moments at which tables were checked whose errors said that they are damaged. */
  readonly #checked = new WeakMap<RecordTable, number>()

  constructor(databases: Databases, tell: (message: FromServer) => void) {
    this.#databases = databases
    this.#tell = tell
  }

  /** Calls `fn`, which works with a table, and once more where the table could be mended. Throws what it throws; a table that was moved aside has no more to say. */
  on(table: RecordTable, fn: () => void): void {
    try {
      fn()
    } catch (error) {
      if (this.#mend(table, error)) fn()
      else if (!this.setAside(table, error)) throw error
    }
  }

  /** Mends a table after an error, or moves its database aside. @returns whether one of them was done */
  mend(table: RecordTable, error: unknown): boolean {
    return this.#mend(table, error) || this.setAside(table, error)
  }

  /** Moves the database of a table aside if an error says that it is damaged, and its file is. @returns whether it was moved */
  setAside(table: RecordTable, error: unknown): boolean {
    const now = clock.now()
    if (!isDamage(error) || now - (this.#checked.get(table) ?? -Infinity) < checkInterval) return false
    this.#checked.set(table, now)
    return this.#databases.setAside(table, error)
  }

  /** Sets the odd rows of a table aside. @param from @param to the keys between which is looked @returns whether there was one */
  setOddAside(table: RecordTable, from: number, to: number): boolean {
    let any = false
    for (let keys = table.odd.find(from, to); keys.length > 0; keys = table.odd.find(from, to)) {
      const recordIds = table.atomically(() => table.odd.setAside(keys), true)
      for (const recordId of recordIds) {
        const why = 'its row in the database was damaged'
        this.#tell({ type: 'report', code: 'AFTERWORD_SET_ASIDE', values: [idOf(recordId), why] })
      }
      any = true
    }
    return any
  }

  #mend(table: RecordTable, error: unknown): boolean {
    if (isOutOfRange(error)) return this.setOddAside(table, -anyKey, anyKey)
    const now = clock.now()
    if (!isDamage(error) || now - (this.#rebuilt.get(table) ?? -Infinity) < rebuildInterval) return false
    this.#rebuilt.set(table, now)
    try {
      table.rebuildIndexes()
      return true
    } catch {
      return false
    }
  }
}
