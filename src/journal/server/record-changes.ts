import { clock } from '../../clock.ts'
import type { Database, Statement } from '../../options/app-database.ts'
import { concernsFile, isOutOfRange } from '../files/sqlite-errors.ts'

/** A record whose change a database refuses. */
export interface RefusedRecord {
  readonly recordId: number
  readonly why: string
}

/** Changes in a transaction that is open: what they throw concerns their own changes only. */
type Nested = <T>(fn: () => T) => T

/**
 * The changes of records that no process asks for by their ids: claims, and what follows from the death of a process. They are made many at
 * once, as a rule; where the database refuses one, by a trigger for example, each is made by itself, and the record in question is set aside.
 */
export class RecordChanges {
  readonly #database: Database
  readonly #nested: Nested
  readonly #list: Statement
  readonly #delete: Statement
  /** The records whose changes were refused just now; `undefined` while changes are made many at once. */
  #refused: RefusedRecord[] | undefined
  /** The records that are refused for good: not even their deletion is possible. */
  readonly #stuck = new Set<number>()

  constructor(database: Database, nested: Nested) {
    this.#database = database
    this.#nested = nested
    this.#list = database.prepare(`
      INSERT OR REPLACE INTO afterword_failed (key, job, version, args, options, created, attempt, singleton, reason, error, failed_at)
      SELECT key, job, version, args, options, created, attempt, singleton, 'refused', ?2, ?3 FROM afterword_records WHERE key = ?1`)
    this.#delete = database.prepare('DELETE FROM afterword_records WHERE key = ?')
  }

  /** The error may be that of one record. */
  static mayBeOfOne(error: unknown): boolean {
    return !concernsFile(error) && !isOutOfRange(error)
  }

  /** The number of records that can't be changed: those who read a page have to read so many more. */
  get stuck(): number {
    return this.#stuck.size
  }

  /** Calls `fn`, in whose changes each record is changed by itself. @returns the records that were set aside meanwhile */
  oneByOne<T>(fn: () => T): { readonly value: T; readonly refused: readonly RefusedRecord[] } {
    const refused: RefusedRecord[] = []
    this.#refused = refused
    try {
      return { value: fn(), refused }
    } finally {
      this.#refused = undefined
    }
  }

  /** Changes one record. @returns false where the database refuses that */
  change(recordId: number, change: () => void): boolean {
    if (this.#stuck.has(recordId)) return false
    if (this.#refused === undefined) {
      change()
      return true
    }
    try {
      this.#nested(change)
      return true
    } catch (error) {
      if (concernsFile(error)) throw error
      this.#setAside(recordId, String(error))
      return false
    }
  }

  /**
   * Changes a page of records.
   * @param page in SQL, the condition of the records and the limit of the page @param update in SQL, what is set, with `?1` for `value`
   * @returns the number of the records of the page
   */
  changePage(page: string, limit: number, update: string, value: number): number {
    if (this.#refused === undefined && this.stuck === 0) {
      const keys = `SELECT key FROM afterword_records WHERE ${page} LIMIT ${limit}`
      const all = this.#database.prepare(`UPDATE afterword_records SET ${update} WHERE key IN (${keys})`)
      return Number(all.run(value).changes)
    }
    const keys = this.#database
      .prepare(`SELECT key FROM afterword_records WHERE ${page} LIMIT ${limit + this.stuck}`)
      .all() as { key: number }[]
    const one = this.#database.prepare(`UPDATE afterword_records SET ${update} WHERE key = ?2`)
    const changeable = keys.filter(({ key }) => !this.#stuck.has(key))
    for (const { key } of changeable) this.change(key, () => void one.run(value, key))
    return changeable.length
  }

  #setAside(recordId: number, why: string): void {
    this.#refused?.push({ recordId, why })
    try {
      this.#nested(() => {
        this.#list.run(recordId, why, clock.date())
        this.#delete.run(recordId)
      })
    } catch (error) {
      if (concernsFile(error)) throw error
      // What refuses the change refuses this as well. The report tells of the record.
      this.#stuck.add(recordId)
    }
  }
}
