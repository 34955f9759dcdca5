import type { Database, Statement } from '../../options/app-database.ts'
import { claimerOf, ownedBy, owner } from '../files/schema.ts'
import { isReadableSql } from '../format/encrypted-text.ts'
import type { ClaimedRow, KnownJob, RunnableJobs, Store } from '../protocol.ts'

/** The number of crashes during its runs after which a record is not run again. */
const mostCrashes = 3
/** The number of records of a dead process that are looked at in one go. */
const pageSize = 1000
/** The time in ms by which a clock may be behind before it counts as set back. */
const clockSlack = 1000

/** The records that a process may claim: of an owner, of a job, up to a version. The index has them in the order in which they are due. */
type Wanted = readonly [owner: number, job: string, version: number]

// SQLite uses a partial index only where the condition of that index is repeated.
const isWanted = 'owner <= 0 AND owner = ?1 AND job = ?2 AND version <= ?3'
const isDue = `${isWanted} AND crashes = 0 AND run_at <= ?4`
// The `+` keeps SQLite from the index of claimable records: the index of records with crashes is the shorter one.
const isPoison = `crashes > 0 AND crashes >= ${mostCrashes} AND +owner <= 0`

/** In SQL: the record is due its delay after ?1 at the latest. The clock may have been set back since the record got its date. */
export const notPutOff = 'run_at = min(run_at, ?1 + delay)'

/** The claimable records of a database, which no process runs: finds and claims them. */
export class ClaimableRecords {
  readonly #store: Store
  readonly #database: Database
  /** Records from this id on whose owner is not this process belong to a dead process; `Infinity` where none do. */
  #orphansFrom: number
  /** The value of `#orphansFrom` before the transaction that is open. */
  #orphansBefore = 0
  readonly #due: Statement
  readonly #anyDue: Statement
  readonly #anyEncrypted: Statement
  readonly #anyMine: Statement
  readonly #anyOpen: Statement
  readonly #anySuspect: Statement
  readonly #nextRun: Statement
  readonly #suspect: Statement
  readonly #claim: Statement
  readonly #pageEnd: Statement
  readonly #takeOver: Statement
  readonly #anyPoison: Statement
  #wanted: readonly Wanted[] = []
  #wantedOf: RunnableJobs | undefined

  constructor(database: Database, { store, process, adopted = false, keyIds = [] }: ClaimableOptions) {
    this.#store = store
    this.#database = database
    this.#orphansFrom = adopted ? 0 : Infinity
    const isOpen = isReadableSql('args', keyIds)
    const any = (where: string) => database.prepare(`SELECT 1 FROM afterword_records WHERE ${where} LIMIT 1`)
    this.#anyDue = any(`${isDue} AND ${isOpen}`)
    this.#anyMine = any(ownedBy(process))
    this.#anyOpen = any(`${isWanted} AND ${isOpen}`)
    this.#anySuspect = any('crashes > 0')
    this.#anyPoison = any(isPoison)
    // No process claims it, so that it is among the first records.
    const first = `SELECT key, job, args FROM afterword_records WHERE ${isDue} ORDER BY run_at LIMIT ${pageSize}`
    this.#anyEncrypted = database.prepare(`SELECT key AS recordId, job FROM (${first}) WHERE NOT ${isOpen} LIMIT 1`)
    const row =
      'SELECT key AS recordId, job, version, args, options, attempt, crashes, owner < 0 OR crashes > 0 AS orphaned, run_at AS runAt FROM afterword_records'
    this.#due = database.prepare(`${row} WHERE ${isDue} AND ${isOpen} ORDER BY run_at, key LIMIT ?5`)
    this.#nextRun = database.prepare(
      `SELECT min(run_at) AS next FROM afterword_records WHERE ${isWanted} AND crashes = 0 AND run_at > ?4`,
    )
    this.#suspect = database.prepare(
      `${row} WHERE crashes > 0 AND ${isWanted} AND run_at <= ?4 AND ${isOpen} ORDER BY crashes, run_at, key LIMIT 1`,
    )
    this.#claim = database.prepare(`UPDATE afterword_records SET owner = ${claimerOf(process)} WHERE key = ?`)
    this.#pageEnd = database.prepare(
      `SELECT max(key) AS last FROM (SELECT key FROM afterword_records WHERE key >= ? ORDER BY key LIMIT ${pageSize})`,
    )
    this.#takeOver = database.prepare(
      `UPDATE afterword_records SET owner = ${owner.orphaned}, ${notPutOff}
      WHERE key BETWEEN ?2 AND ?3 AND owner > 0 AND NOT ${ownedBy(process)}`,
    )
  }

  /** A transaction has begun, in which records may be claimed. */
  begin(): void {
    this.#orphansBefore = this.#orphansFrom
  }

  rollback(): void {
    this.#orphansFrom = this.#orphansBefore
  }

  /** Claims records, in the order in which they are due. */
  claim(jobs: RunnableJobs, most: number): ClaimedRow[] {
    this.#orphanPage()
    const now = Date.now()
    const due = this.#each(jobs).flatMap((wanted) => this.#due.all(...wanted, now, most) as Row[])
    return this.#claimed(due.sort((a, b) => a.runAt - b.runAt || a.recordId - b.recordId).slice(0, most))
  }

  /** Claims a suspect: a record that ran when a process ended. Suspects run alone, so that the next crash tells which one it was. */
  claimSuspect(jobs: RunnableJobs): ClaimedRow[] {
    const suspects = this.#suspects(jobs)
    return this.#claimed(
      suspects.sort((a, b) => a.crashes - b.crashes || a.runAt - b.runAt || a.recordId - b.recordId).slice(0, 1),
    )
  }

  hasSuspects(jobs: RunnableJobs): boolean {
    return this.#suspects(jobs).length > 0
  }

  #suspects(jobs: RunnableJobs): Row[] {
    if (this.#anySuspect.get() === undefined) return []
    const now = Date.now()
    return this.#each(jobs).flatMap((wanted) => this.#suspect.all(...wanted, now) as Row[])
  }

  #claimed(rows: readonly Row[]): ClaimedRow[] {
    for (const { recordId } of rows) this.#claim.run(recordId)
    return rows.map(({ runAt: _, ...row }) => ({ ...row, orphaned: row.orphaned === 1, store: this.#store }))
  }

  /** Orphaned records are for any process that knows the job; free ones, and orphaned claims, for workers. */
  #each(jobs: RunnableJobs): readonly Wanted[] {
    if (this.#wantedOf !== jobs) {
      this.#wantedOf = jobs
      const of = (by: number, known: readonly KnownJob[]) => known.map(([job, version]): Wanted => [by, job, version])
      this.#wanted = [
        ...of(owner.orphaned, jobs.known),
        ...of(owner.free, jobs.shared),
        ...of(owner.orphanedClaim, jobs.shared),
      ]
    }
    return this.#wanted
  }

  /** Marks the next page of a dead process's records as orphaned. A million of them at once would keep other statements waiting. */
  #orphanPage(): void {
    if (!this.hasOrphans) return
    const { last } = this.#pageEnd.get(this.#orphansFrom) as { last: number | null }
    if (last !== null) this.#takeOver.run(Date.now(), this.#orphansFrom, last)
    this.#orphansFrom = last === null ? Infinity : last + 1
  }

  /** Some records of dead processes are not marked as orphaned yet. */
  get hasOrphans(): boolean {
    return this.#orphansFrom < Infinity
  }

  /** Lists the records as failed that have crashed too many processes. @returns their ids and jobs */
  quarantine(): { recordId: number; job: string }[] {
    if (this.#anyPoison.get() === undefined) return []
    this.#database
      .prepare(
        `INSERT OR REPLACE INTO afterword_failed
        SELECT key, job, version, args, options, created, attempt, singleton, 'poison',
          'It was running in ' || crashes || ' processes when they ended.', ?
        FROM afterword_records WHERE ${isPoison}`,
      )
      .run(Date.now())
    return this.#database
      .prepare(`DELETE FROM afterword_records WHERE ${isPoison} RETURNING key AS recordId, job`)
      .all() as {
      recordId: number
      job: string
    }[]
  }

  /** The moment at which the next record is due, by `Date.now()`; `Infinity` for never. */
  nextRun(jobs: RunnableJobs): number {
    const now = Date.now()
    const nexts = this.#each(jobs).map((wanted) => (this.#nextRun.get(...wanted, now) as { next: number | null }).next)
    return Math.min(...nexts.map((next) => next ?? Infinity))
  }

  /** Some record is claimable. */
  any(jobs: RunnableJobs): boolean {
    const now = Date.now()
    return (
      this.hasOrphans ||
      this.#each(jobs).some((wanted) => this.#anyDue.get(...wanted, now) !== undefined) ||
      this.hasSuspects(jobs)
    )
  }

  /** Finds a record that waits for a key which this process does not have. */
  encryptedByOthers(jobs: RunnableJobs): { readonly recordId: number; readonly job: string } | undefined {
    const now = Date.now()
    for (const wanted of this.#each(jobs)) {
      const found = this.#anyEncrypted.get(...wanted, now) as { recordId: number; job: string } | undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The database has records that this process runs, or could run at some time. */
  isFor(jobs: RunnableJobs): boolean {
    return (
      this.hasOrphans ||
      this.#each(jobs).some((wanted) => this.#anyOpen.get(...wanted) !== undefined) ||
      // There is no index of these: the statement comes last.
      this.#anyMine.get() !== undefined
    )
  }

  /** Lets records that wait by a clock which was set back since wait their delay from now on. */
  resetClock(): void {
    this.#database
      .prepare(`UPDATE afterword_records SET ${notPutOff} WHERE owner <= 0 AND run_at - delay > ?1 + ?2`)
      .run(Date.now(), clockSlack)
  }
}

type Row = Omit<ClaimedRow, 'store' | 'orphaned'> & { readonly orphaned: number; readonly runAt: number }

export interface ClaimableOptions {
  readonly store: Store
  /** The number of this process. */
  readonly process: number
  /** The database was that of a process that has died. */
  readonly adopted?: boolean
  /** The ids of the keys of this process; records that other keys encrypt are left to other processes. */
  readonly keyIds?: readonly string[]
}
