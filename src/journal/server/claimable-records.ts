import type { Database, Statement } from '../../options/app-database.ts'
import { claimerOf, ownedBy, owner } from '../files/schema.ts'
import type { ClaimedRow, RunnableJobs, Store } from '../protocol.ts'
import { type Kind, RunnableKinds, WaitingKinds } from './record-kinds.ts'

/** The number of crashes during its runs after which a record is not run again. */
const mostCrashes = 3
/** The number of records of a dead process that are looked at in one go. */
const pageSize = 1000

// SQLite uses a partial index only where the condition of that index is repeated.
const isOfKind = 'owner <= 0 AND owner = ?1 AND kind = ?2'
// The `+` keeps SQLite from the index of claimable records: the index of records with crashes is the shorter one.
const isPoison = `crashes > 0 AND crashes >= ${mostCrashes} AND +owner <= 0`

/** In SQL: the record is due its delay after ?1 at the latest. The clock may have been set back since the record got its date. */
export const notPutOff = 'run_at = min(run_at, ?1 + delay)'

/** The rooms of jobs: the number of calls of each that its process can begin now. A job that is missing has no limit. */
export type Rooms = ReadonlyMap<string, number>

/** The records that wait in a database, as a process sees them that runs some of them. */
export interface Outlook {
  /** Some record can be claimed now. */
  readonly due: boolean
  /** The jobs with records that are due, and without room. */
  readonly full: readonly string[]
  /** The moment at which the next record is due, by `Date.now()`; `Infinity` for never. */
  readonly next: number
  /** Some record waits to be claimed alone. */
  readonly suspects: boolean
}

/** The claimable records of a database, which no process runs: finds and claims them. */
export class ClaimableRecords {
  readonly #store: Store
  readonly #database: Database
  readonly #runnable: RunnableKinds
  readonly #isAdopted: boolean
  readonly #kinds: WaitingKinds
  readonly #due: Statement
  readonly #anyMine: Statement
  readonly #anySuspect: Statement
  readonly #suspect: Statement
  readonly #claim: Statement
  readonly #anyOrphan: Statement
  readonly #takeOver: Statement
  readonly #anyPoison: Statement

  constructor(database: Database, { store, process, adopted = false, keyIds = [] }: ClaimableOptions) {
    this.#store = store
    this.#database = database
    this.#runnable = new RunnableKinds(keyIds)
    this.#isAdopted = adopted
    const any = (where: string) => database.prepare(`SELECT 1 FROM afterword_records WHERE ${where} LIMIT 1`)
    this.#kinds = new WaitingKinds(database)
    this.#anyMine = any(`owner > 0 AND ${ownedBy(process)}`)
    this.#anySuspect = any('crashes > 0')
    this.#anyPoison = any(isPoison)
    const row =
      'SELECT key AS recordId, job, version, args, options, attempt, crashes, owner < 0 OR crashes > 0 AS orphaned, run_at AS runAt FROM afterword_records'
    this.#due = database.prepare(
      `${row} WHERE ${isOfKind} AND crashes = 0 AND run_at <= ?3 AND (run_at < ?3 OR key <= ?4) ORDER BY run_at, key LIMIT ?5`,
    )
    this.#suspect = database.prepare(
      `${row} WHERE ${isOfKind} AND crashes > 0 AND run_at <= ?3 ORDER BY crashes, run_at, key LIMIT 1`,
    )
    this.#claim = database.prepare(`UPDATE afterword_records SET owner = ${claimerOf(process)} WHERE key = ?`)
    const isOrphan = `owner > 0 AND NOT ${ownedBy(process)}`
    this.#anyOrphan = any(isOrphan)
    this.#takeOver = database.prepare(
      `UPDATE afterword_records SET owner = ${owner.orphaned}, ${notPutOff}
      WHERE key IN (SELECT key FROM afterword_records WHERE ${isOrphan} LIMIT ${pageSize})`,
    )
  }

  /** Claims records, in the order in which they are due. @param rooms is reduced by what is claimed */
  claim(jobs: RunnableJobs, most: number, rooms: Map<string, number>): ClaimedRow[] {
    if (this.hasOrphans) this.#takeOver.run(Date.now())
    const now = Date.now()
    const isOpen = ({ job }: Kind) => (rooms.get(job) ?? 1) > 0
    const isDue = ({ crashes, head }: Kind) => crashes === 0 && head <= now
    let kinds = this.#wanted(jobs).filter(isDue)
    const rows: Row[] = []
    while (rows.length < most) {
      kinds = kinds.filter(isOpen).sort(byDate)
      const [kind, next = { head: now, recordId: Number.MAX_SAFE_INTEGER }] = kinds
      if (kind === undefined) break
      const room = Math.min(most - rows.length, rooms.get(kind.job) ?? most)
      // The records before the first one of the next kind.
      const taken = this.#due.all(kind.owner, kind.kind, next.head, next.recordId, room) as Row[]
      for (const row of taken) {
        this.#claim.run(row.recordId)
        rows.push(row)
      }
      if (rooms.has(kind.job)) rooms.set(kind.job, (rooms.get(kind.job) as number) - taken.length)
      const first = this.#kinds.lookAgain(kind)
      kinds.shift()
      if (first !== undefined && isDue(first)) kinds.push(first)
    }
    return this.#sent(rows.sort((a, b) => a.runAt - b.runAt || a.recordId - b.recordId))
  }

  /** Claims a suspect: a record that ran when a process ended. Suspects run alone, so that the next crash tells which one it was. */
  claimSuspect(jobs: RunnableJobs, rooms: Rooms): ClaimedRow[] {
    const [suspect] = this.#suspects(this.#wanted(jobs), rooms).sort(
      (a, b) => a.crashes - b.crashes || a.runAt - b.runAt || a.recordId - b.recordId,
    )
    if (suspect === undefined) return []
    this.#claim.run(suspect.recordId)
    return this.#sent([suspect])
  }

  /** @param rooms jobs that are full have no record to be claimed */
  outlook(jobs: RunnableJobs, rooms: Rooms): Outlook {
    const now = Date.now()
    const full = new Set<string>()
    const wanted = this.#wanted(jobs)
    let due = this.hasOrphans
    let next = Infinity
    for (const { job, crashes, head } of wanted) {
      if (crashes > 0) continue
      if (head > now) next = Math.min(next, head)
      else if (rooms.get(job) === 0) full.add(job)
      else due = true
    }
    const suspects = this.#suspects(wanted, rooms, full).length > 0
    return { due: due || suspects, full: [...full], next, suspects }
  }

  #wanted(jobs: RunnableJobs): Kind[] {
    const wants = this.#runnable.of(jobs)
    return this.#kinds.all().filter((kind) => wants(kind) === 'runs')
  }

  #suspects(wanted: readonly Kind[], rooms: Rooms, full?: Set<string>): Row[] {
    if (this.#anySuspect.get() === undefined) return []
    const now = Date.now()
    const rows = wanted.flatMap(({ owner, kind }) => this.#suspect.all(owner, kind, now) as Row[])
    return rows.filter(({ job }) => {
      const isFull = rooms.get(job) === 0
      if (isFull) full?.add(job)
      return !isFull
    })
  }

  #sent(rows: readonly Row[]): ClaimedRow[] {
    return rows.map(({ runAt: _, ...row }) => ({ ...row, orphaned: row.orphaned === 1, store: this.#store }))
  }

  /** Some records of dead processes are not marked as orphaned yet. A million of them at once would keep other statements waiting. */
  get hasOrphans(): boolean {
    return this.#isAdopted && this.#anyOrphan.get() !== undefined
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

  /** Finds a record that waits for a key which this process does not have. */
  encryptedByOthers(jobs: RunnableJobs): { readonly recordId: number; readonly job: string } | undefined {
    const now = Date.now()
    const wants = this.#runnable.of(jobs)
    return this.#kinds.all().find((kind) => wants(kind) === 'sealed' && kind.head <= now)
  }

  /** A transaction was rolled back. */
  rolledBack(): void {
    this.#kinds.forget()
  }

  /** The database has records that this process runs, or could run at some time. */
  isFor(jobs: RunnableJobs): boolean {
    return this.hasOrphans || this.#anyMine.get() !== undefined || this.#wanted(jobs).length > 0
  }
}

/** Compares the first records of kinds. */
function byDate(a: Kind, b: Kind): number {
  return a.head - b.head || a.recordId - b.recordId
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
