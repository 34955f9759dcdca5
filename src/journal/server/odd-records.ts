import { clock } from '../../clock.ts'
import type { Database } from '../../options/app-database.ts'
import { slotSize } from '../files/record-id.ts'
import { owner } from '../files/schema.ts'

/** The number of rows that are looked at in one go. */
const pageSize = 500
/** The most milliseconds since 1970 that a date can have. */
const latestDate = 8.64e15
const highest = Number.MAX_SAFE_INTEGER

/** The values that each column can have. A row with others was damaged: it can't be read, or nobody would ever run it. */
const ranges: Readonly<Record<string, readonly [least: number, most: number]>> = {
  version: [1, highest],
  created: [0, latestDate],
  run_at: [-latestDate, latestDate],
  delay: [0, highest],
  attempt: [0, highest],
  crashes: [0, highest],
  owner: [Math.min(...Object.values(owner)), highest],
}

const inRange = (column: string, [least, most]: readonly [number, number]) => `${column} BETWEEN ${least} AND ${most}`
const areTexts = "typeof(job) = 'text' AND typeof(args) = 'text' AND typeof(coalesce(options, '')) = 'text'"

/** In SQL: the nearest value that a column can have. */
function clamped(column: string): string {
  const [least, most] = ranges[column] ?? [1, highest]
  return `max(min(coalesce(CAST(${column} AS INTEGER), ${least}), ${most}), ${least})`
}

/** The rows of a database with values that no release writes: one flipped bit makes some. They are listed as failed, and not run. */
export class OddRecords {
  readonly #database: Database
  readonly #isOdd: string

  /** @param slot the slot of the database; `undefined` where records of all slots are in it */
  constructor(database: Database, slot: number | undefined) {
    this.#database = database
    const keys = slot === undefined ? ([1, highest] as const) : ([slot * slotSize, (slot + 1) * slotSize - 1] as const)
    const all = Object.entries({ key: keys, ...ranges }).map(([column, range]) => inRange(column, range))
    this.#isOdd = `(${[areTexts, ...all].join(' AND ')}) IS NOT TRUE`
  }

  /** Finds odd rows, a page of them. @param from @param to the keys between which is looked @returns their keys, as text */
  find(from: number, to: number): string[] {
    const rows = this.#database
      .prepare(
        `SELECT CAST(key AS TEXT) AS key FROM afterword_records NOT INDEXED
        WHERE key BETWEEN ${from} AND ${to} AND ${this.#isOdd} LIMIT ${pageSize}`,
      )
      .all() as { key: string }[]
    return rows.map(({ key }) => key)
  }

  /** Sets odd rows aside. @returns their ids, as they are listed */
  setAside(keys: readonly string[]): number[] {
    return keys.map((key) => this.#setAside(key))
  }

  #setAside(key: string): number {
    const isSafe = Number.isSafeInteger(Number(key)) && Number(key) > 0
    // An id that JavaScript can't tell from others is no use to anybody.
    const listed = isSafe ? key : `(SELECT coalesce(max(key), 0) + 1 FROM afterword_failed WHERE key < ${highest})`
    const { key: recordId } = this.#database
      .prepare(
        `INSERT INTO afterword_failed (key, job, version, args, options, created, attempt, singleton, lane, reason, error, failed_at)
        SELECT ${listed}, CAST(job AS TEXT), ${clamped('version')}, CAST(args AS TEXT), CAST(options AS TEXT), ${clamped('created')},
          ${clamped('attempt')}, CAST(singleton AS TEXT), CAST(lane AS TEXT), 'damaged', 'Its row in the database was damaged.', ?
        FROM afterword_records WHERE key = ${key}
        ON CONFLICT (key) DO UPDATE SET reason = excluded.reason RETURNING key`,
      )
      .all(clock.date())[0] as { key: number }
    this.#database.exec(`DELETE FROM afterword_records WHERE key = ${key}`)
    return recordId
  }
}
