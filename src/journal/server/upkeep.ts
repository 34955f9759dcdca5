import type { Database } from '../../options/app-database.ts'
import { giveSpaceBack, isSmall } from '../files/database.ts'
import { slotSize } from '../files/record-id.ts'
import { isClaimer, ownedBy, owner } from '../files/schema.ts'
import { dueAfterDeath } from './suspects.ts'

/** The number of records that one statement changes: no group waits for more. */
const pageSize = 500
/** The time in ms by which a clock may be behind before it counts as set back. */
const clockSlack = 1000

/** The upkeep of one database: all that may concern any number of records, page by page. */
export class Upkeep {
  readonly #database: Database
  readonly #process: number
  /** The database is the journal's, not the app's. */
  readonly #isOurs: boolean
  /** In SQL: this process owns the record. */
  readonly #isMine: string
  /** The table that is being checked, and the last key of it that was. */
  #checked: readonly [table: 'records' | 'failed', after: number] = ['records', 0]

  constructor(database: Database, process: number, isOurs: boolean) {
    this.#database = database
    this.#process = process
    this.#isOurs = isOurs
    this.#isMine = ownedBy(process)
  }

  /** The processes of a slot have died, but for this one: a page of their claims is free. @returns whether that was the last page */
  release(slot: number): boolean {
    const between = `BETWEEN ${slot * slotSize} AND ${(slot + 1) * slotSize - 1}`
    const { changes } = this.#database
      .prepare(
        `UPDATE afterword_records SET owner = iif(${isClaimer}, ${owner.orphanedClaim}, ${owner.orphaned}), ${dueAfterDeath}
        WHERE key IN (SELECT key FROM afterword_records WHERE owner > 0 AND owner ${between} AND NOT ${this.#isMine} LIMIT ${pageSize})`,
      )
      .run(Date.now())
    if (Number(changes) === pageSize) return false
    this.#database.exec(`DELETE FROM afterword_processes WHERE process ${between} AND process <> ${this.#process}`)
    return true
  }

  /**
   * The process ends in order: a page of its records is for others, but for those that still run: these keep their process listed.
   * @returns whether that was the last page
   */
  leave(kept: readonly number[] = []): boolean {
    const { changes } = this.#database
      .prepare(
        `UPDATE afterword_records SET owner = iif(${isClaimer}, ${owner.free}, ${owner.orphaned})
        WHERE key IN (SELECT key FROM afterword_records WHERE owner > 0 AND ${this.#isMine}
          AND key NOT IN (SELECT value FROM json_each(?)) LIMIT ${pageSize})`,
      )
      .run(JSON.stringify(kept))
    if (Number(changes) === pageSize) return false
    if (kept.length > 0) return true
    this.#database.exec(`DELETE FROM afterword_processes WHERE process = ${this.#process}`)
    return true
  }

  /**
   * Lets records that wait by a clock which was set back since wait their delay from now on: a page of them.
   * @returns where the next page begins; `undefined` behind the last one
   */
  resetClock(from = 0): number | undefined {
    const page = `SELECT key FROM afterword_records WHERE key >= ? ORDER BY key LIMIT ${pageSize}`
    const { last } = this.#database.prepare(`SELECT max(key) AS last FROM (${page})`).get(from) as {
      last: number | null
    }
    if (last === null) return undefined
    this.#database
      .prepare(
        `UPDATE afterword_records SET run_at = min(run_at, ?1 + delay)
        WHERE key BETWEEN ?2 AND ?3 AND owner <= 0 AND run_at - delay > ?1 + ${clockSlack}`,
      )
      .run(Date.now(), from, last)
    return last + 1
  }

  /** Forgets a page of the records that failed before a date, in ms since 1970. @returns whether that was the last page */
  forget(before: number): boolean {
    const old = `SELECT key FROM afterword_failed WHERE failed_at < ? LIMIT ${pageSize}`
    const { changes } = this.#database.prepare(`DELETE FROM afterword_failed WHERE key IN (${old})`).run(before)
    return Number(changes) < pageSize
  }

  /** The file was checked when it was opened, or need not be. */
  get isChecked(): boolean {
    return !this.#isOurs || isSmall(this.#database)
  }

  /** Reads a page of all records, which throws where the file is damaged. @returns whether that was the last page */
  check(): boolean {
    const [table, after] = this.#checked
    const columns =
      table === 'records' ? 'length(job) + length(options)' : 'length(job) + length(options) + length(error)'
    const rows = this.#database
      .prepare(
        `SELECT key, length(args) + ${columns} FROM afterword_${table} WHERE key > ? ORDER BY key LIMIT ${pageSize}`,
      )
      .all(after) as { key: number }[]
    const last = rows.at(-1)
    if (last === undefined && table === 'records') this.#checked = ['failed', 0]
    else if (last !== undefined) this.#checked = [table, last.key]
    return last === undefined && table === 'failed'
  }

  /** Gives a page of space back to the disk. @returns whether that was the last page */
  giveSpaceBack(): boolean {
    return !this.#isOurs || giveSpaceBack(this.#database)
  }
}
