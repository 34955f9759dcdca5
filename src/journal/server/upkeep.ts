import { clock } from '../../clock.ts'
import type { Database } from '../../options/app-database.ts'
import { giveSpaceBack, isSmall } from '../files/database.ts'
import { slotSize } from '../files/record-id.ts'
import { isClaimer, ownedBy, owner } from '../files/schema.ts'
import { damage } from '../files/sqlite-errors.ts'
import type { RecordChanges } from './record-changes.ts'
import { dueAfterDeath } from './suspects.ts'

/** The number of records that one statement changes: no group waits for more. */
const pageSize = 500
/** The highest key that can be read, and the highest one that SQLite can have. */
const highest = Number.MAX_SAFE_INTEGER
const highestKey = 2 ** 63
/** The time in ms by which a clock may be behind before it counts as set back. */
const clockSlack = 1000

/** The upkeep of one database: all that may concern any number of records, page by page. */
export class Upkeep {
  readonly #database: Database
  readonly #changes: RecordChanges
  readonly #process: number
  /** The database is the journal's, not the app's. */
  readonly isOurs: boolean
  /** In SQL: this process owns the record. */
  readonly #isMine: string
  /** The table that is being checked, and the last key of it that was. */
  #checked: readonly [table: 'records' | 'failed', after: number] = ['records', 0]

  constructor(database: Database, changes: RecordChanges, process: number, isOurs: boolean) {
    this.#database = database
    this.#changes = changes
    this.#process = process
    this.isOurs = isOurs
    this.#isMine = ownedBy(process)
  }

  /** The processes of a slot have died, but for this one: a page of their claims is free. @returns whether that was the last page */
  release(slot: number): boolean {
    const between = `BETWEEN ${slot * slotSize} AND ${(slot + 1) * slotSize - 1}`
    const page = `owner > 0 AND owner ${between} AND NOT ${this.#isMine}`
    const freed = `owner = iif(${isClaimer}, ${owner.orphanedClaim}, ${owner.orphaned}), ${dueAfterDeath}`
    if (this.#changes.changePage(page, pageSize, freed, clock.date()) === pageSize) return false
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
      .run(clock.date(), from, last)
    return last + 1
  }

  /**
   * Forgets a page of the records that failed before a date, in ms since 1970, and one of those beside the latest `most`.
   * @returns whether those were the last pages
   */
  forget(before: number, most: number): boolean {
    const old = `SELECT key FROM afterword_failed WHERE failed_at < ? LIMIT ${pageSize}`
    const more = `SELECT key FROM afterword_failed ORDER BY failed_at DESC, key DESC LIMIT ${pageSize} OFFSET ?`
    const changes = [
      this.#database.prepare(`DELETE FROM afterword_failed WHERE key IN (${old})`).run(before).changes,
      this.#database.prepare(`DELETE FROM afterword_failed WHERE key IN (${more})`).run(most).changes,
    ]
    const { changes: keys } = this.#database
      .prepare(
        `DELETE FROM afterword_keys WHERE (job, singleton) IN (SELECT job, singleton FROM afterword_keys WHERE until < ? LIMIT ${pageSize})`,
      )
      .run(clock.date())
    changes.push(keys)
    return changes.every((count) => Number(count) < pageSize)
  }

  /** The records can be checked in one go. */
  get isSmall(): boolean {
    return isSmall(this.#database)
  }

  /**
   * Reads a page of all records, which throws where the file is damaged, and looks up each in the index by which it is found.
   * @param setAside is called with the keys of each page, whose odd rows can't be read
   * @returns whether that was the last page
   */
  check(setAside: (from: number, to: number) => void): boolean {
    const [table, after] = this.#checked
    const { last } = this.#database
      .prepare(
        `SELECT max(key) AS last FROM (SELECT key FROM afterword_${table} WHERE key > ?1 AND key <= ${highest} ORDER BY key LIMIT ${pageSize})`,
      )
      .get(after) as { last: number | null }
    if (last === null) {
      if (table === 'failed') return true
      // No id is that low, or that high.
      setAside(-highestKey, 0)
      setAside(highest + 1, highestKey)
      this.#checked = ['failed', 0]
      return false
    }
    if (table === 'records') setAside(after + 1, last)
    const columns = table === 'records' ? 'length(args)' : 'length(args) + length(error)'
    const page = `FROM afterword_${table} AS row NOT INDEXED WHERE key BETWEEN ?1 AND ?2`
    this.#database
      .prepare(`SELECT sum(length(job) + length(coalesce(options, '')) + ${columns}) AS length ${page}`)
      .get(after + 1, last)
    if (table === 'records' && this.#isMissing(page, after + 1, last)) throw damage('A record is missing from an index')
    this.#checked = [table, last]
    return false
  }

  /** Some record of a page is not where the index of claimable records should have it: nobody would ever run it. */
  #isMissing(page: string, from: number, to: number): boolean {
    const missing = this.#database
      .prepare(
        `SELECT 1 ${page} AND owner <= 0 AND NOT EXISTS (
          SELECT 1 FROM afterword_records AS entry INDEXED BY afterword_loose
          WHERE entry.owner <= 0 AND entry.owner = row.owner AND entry.kind = row.kind AND entry.crashes = row.crashes
            AND entry.run_at = row.run_at AND entry.key = row.key) LIMIT 1`,
      )
      .get(from, to)
    return missing !== undefined
  }

  /** Gives a page of space back to the disk. @returns whether that was the last page */
  giveSpaceBack(): boolean {
    return !this.isOurs || giveSpaceBack(this.#database)
  }
}
