import { clock } from '../../clock.ts'
import type { Database, Statement } from '../../options/app-database.ts'
import { claimerOf } from '../files/schema.ts'
import type { ClaimedRow, Store } from '../protocol.ts'
import type { RecordChanges } from './record-changes.ts'
import type { Kind } from './record-kinds.ts'

/** The number of deaths during trials in a row after which a record is poison. */
const mostDeaths = 4
/** The number of crashes of a record that is poison: the first one only makes a record suspect. */
const poisonCrashes = 1 + mostDeaths
/** The time in ms that a run is watched, at least and at most: the second is the first one, doubled a number of times. */
const shortestWatch = 250
const longestWatch = shortestWatch * 2 ** 9
/** The number of watches that a process has to live without a suspect before its first trial. */
const waitedWatches = 2
/** The most suspects of one kind that are looked at in one go. */
const pageSize = 1024

/** In SQL: the time in ms that the next run of a record is watched, twice the time that an earlier one is known to have lasted. */
const watch = `min(${longestWatch}, max(${shortestWatch}, 2 * ran))`
/** In SQL: the time in ms for which a suspect waits for its trial, twice as long after each death. */
const wait = `${waitedWatches} * ${watch} * (1 << (min(crashes, ${poisonCrashes}) - 1))`
/** In SQL: sets the moment at which a record of a dead process is due. The clock, ?1, may have been set back since the record got its date. */
export const dueAfterDeath = `run_at = iif(crashes > 0, ?1 + ${wait}, min(run_at, ?1 + delay)), delay = iif(crashes > 0, ${wait}, delay)`
/** In SQL: some record may be poison. SQLite uses the index of records with crashes only where its condition is repeated. */
const isPoison = `crashes > 0 AND crashes >= ${poisonCrashes} AND +owner <= 0`

/** A suspect that waits to be claimed. */
export interface Suspect {
  readonly recordId: number
  readonly job: string
  readonly crashes: number
  /** The time in ms that a run of the record is known to have lasted. */
  readonly ran: number
  /** The moment at which the suspect is due, by `Date.now()`. */
  readonly runAt: number
}

/** The record is poison: it does not wait for a trial, but to be listed. */
export const isPoisonous = ({ crashes }: Suspect) => crashes >= poisonCrashes

/** Computes the time in ms that the next run of a record is watched, as in SQL. */
export function watchOf({ ran }: { readonly ran: number }): number {
  return Math.min(longestWatch, Math.max(shortestWatch, 2 * ran))
}

/** Computes the time in ms for which a process lives without a suspect before its trial, as in SQL. */
export function waitOf(suspect: Suspect | ClaimedRow): number {
  return waitedWatches * watchOf(suspect) * 2 ** (Math.min(suspect.crashes, poisonCrashes) - 1)
}

/** The suspects of a database: orphaned records that ran when a process ended. Claims them, and notes what their runs tell. */
export class Suspects {
  readonly #database: Database
  readonly #store: Store
  readonly #changes: RecordChanges
  readonly #any: Statement
  readonly #ofKind: Statement
  readonly #row: Statement
  readonly #claim: Statement
  readonly #note: Statement
  readonly #lasted: Statement
  readonly #anyPoison: Statement

  constructor(database: Database, changes: RecordChanges, store: Store, process: number) {
    this.#database = database
    this.#changes = changes
    this.#store = store
    // Runs of claims alone are watched. A record that was put off in the same transaction is none any more.
    const claimed = `key = ?1 AND owner = ${claimerOf(process)}`
    this.#any = database.prepare('SELECT 1 FROM afterword_records WHERE crashes > 0 LIMIT 1')
    this.#ofKind = database.prepare(`SELECT key AS recordId, job, crashes, ran, run_at AS runAt
      FROM afterword_records WHERE owner <= 0 AND owner = ?1 AND kind = ?2 AND crashes > 0 ORDER BY crashes, run_at, key LIMIT ${pageSize}`)
    this.#row = database.prepare(
      'SELECT key AS recordId, job, version, args, options, attempt, crashes, ran FROM afterword_records WHERE key = ?1 AND owner <= 0',
    )
    this.#claim = database.prepare(`UPDATE afterword_records SET owner = ${claimerOf(process)} WHERE key = ?1`)
    this.#note = database.prepare(`UPDATE afterword_records SET crashes = ?2 WHERE ${claimed}`)
    this.#lasted = database.prepare(`UPDATE afterword_records SET crashes = 0, ran = ?2 WHERE ${claimed}`)
    this.#anyPoison = database.prepare(`SELECT 1 FROM afterword_records WHERE ${isPoison} LIMIT 1`)
  }

  /** Finds suspects of some kinds. */
  of(kinds: readonly Kind[]): Suspect[] {
    if (this.#any.get() === undefined) return []
    return kinds.flatMap(({ owner, kind }) => this.#ofKind.all(owner, kind) as Suspect[])
  }

  claim(recordIds: readonly number[]): ClaimedRow[] {
    return recordIds.flatMap((recordId) => {
      const row = this.#row.get(recordId) as Omit<ClaimedRow, 'store' | 'orphaned'> | undefined
      if (row === undefined) return []
      if (!this.#changes.change(recordId, () => void this.#claim.run(recordId))) return []
      return [{ ...row, orphaned: true, store: this.#store }]
    })
  }

  /** Notes the crashes of a record: one in advance, for a run that begins, or those before that run. */
  note(recordId: number, crashes: number): void {
    this.#note.run(recordId, crashes)
  }

  /** The run of a record has lasted for so many ms: the record is no suspect any more. */
  lasted(recordId: number, ms: number): void {
    this.#lasted.run(recordId, Math.min(ms, longestWatch))
  }

  /** Lists the records as failed that are poison. @returns their ids and jobs */
  quarantine(): { recordId: number; job: string }[] {
    if (this.#anyPoison.get() === undefined) return []
    this.#database
      .prepare(
        `INSERT OR REPLACE INTO afterword_failed
          (key, job, version, args, options, created, attempt, singleton, lane, reason, error, failed_at)
        SELECT key, job, version, args, options, created, attempt, singleton, lane, 'poison',
          '${mostDeaths} times in a row, a process lived without this run, and ended within ' || ${watch} || ' ms of its begin.', ?
        FROM afterword_records WHERE ${isPoison}`,
      )
      .run(clock.date())
    return this.#database
      .prepare(`DELETE FROM afterword_records WHERE ${isPoison} RETURNING key AS recordId, job`)
      .all() as {
      recordId: number
      job: string
    }[]
  }
}

/** Compares suspects by the order of their trials: those with fewest crashes first, then those that are watched for the shortest time. */
export function byTrial(a: Suspect, b: Suspect): number {
  return a.crashes - b.crashes || a.ran - b.ran || a.runAt - b.runAt || a.recordId - b.recordId
}

/** A run is looked at no more that has lasted for so many ms. */
export const lastLook = longestWatch
