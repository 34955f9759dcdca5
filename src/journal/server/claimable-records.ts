import { clock } from '../../clock.ts'
import type { Database, Statement } from '../../options/app-database.ts'
import { claimerOf, ownedBy, owner } from '../files/schema.ts'
import type { ClaimedRow, RunnableJobs, Store } from '../protocol.ts'
import type { RecordChanges } from './record-changes.ts'
import { type Kind, RunnableKinds, WaitingKinds } from './record-kinds.ts'
import { dueAfterDeath, type Suspect, type Suspects } from './suspects.ts'

/** The number of records of a dead process that are looked at in one go. */
const pageSize = 1000

// SQLite uses a partial index only where the condition of that index is repeated.
const isOfKind = 'owner <= 0 AND owner = ?1 AND kind = ?2'
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
}

/** The claimable records of a database, which no process runs: finds and claims them. */
export class ClaimableRecords {
  /** The log of the slot is not read to its end: none of the records can be claimed before. */
  isRecovering = false
  readonly #store: Store
  readonly #runnable: RunnableKinds
  readonly #isAdopted: boolean
  readonly #kinds: WaitingKinds
  readonly #changes: RecordChanges
  readonly #suspects: Suspects
  readonly #due: Statement
  readonly #anyMine: Statement
  readonly #claim: Statement
  readonly #anyOrphan: Statement
  /** In SQL: the record is that of a dead process, and not marked as such yet. */
  readonly #isOrphan: string

  constructor(
    database: Database,
    changes: RecordChanges,
    suspects: Suspects,
    { store, process, adopted = false, keyIds = [] }: ClaimableOptions,
  ) {
    this.#store = store
    this.#changes = changes
    this.#suspects = suspects
    this.#runnable = new RunnableKinds(keyIds)
    this.#isAdopted = adopted
    const any = (where: string) => database.prepare(`SELECT 1 FROM afterword_records WHERE ${where} LIMIT 1`)
    this.#kinds = new WaitingKinds(database)
    this.#anyMine = any(`owner > 0 AND ${ownedBy(process)}`)
    const row =
      'SELECT key AS recordId, job, version, args, options, attempt, crashes, ran, owner < 0 OR crashes > 0 AS orphaned, run_at AS runAt FROM afterword_records'
    this.#due = database.prepare(
      `${row} WHERE ${isOfKind} AND crashes = 0 AND run_at <= ?3 AND (run_at < ?3 OR key <= ?4) ORDER BY run_at, key LIMIT ?5`,
    )
    this.#claim = database.prepare(`UPDATE afterword_records SET owner = ${claimerOf(process)} WHERE key = ?`)
    this.#isOrphan = `owner > 0 AND NOT ${ownedBy(process)}`
    this.#anyOrphan = any(this.#isOrphan)
  }

  /** Marks records of dead processes as orphaned: a page of them, where there are any. */
  takeOver(): void {
    if (!this.hasOrphans) return
    this.#changes.changePage(this.#isOrphan, pageSize, `owner = ${owner.orphaned}, ${dueAfterDeath}`, clock.date())
  }

  /** Claims records without suspicion, in the order in which they are due. @param rooms is reduced by what is claimed */
  claim(jobs: RunnableJobs, most: number, rooms: Map<string, number>): ClaimedRow[] {
    const now = clock.date()
    const isOpen = ({ job }: Kind) => (rooms.get(job) ?? 1) > 0
    const isDue = ({ crashes, head }: Kind) => crashes === 0 && head <= now
    const last = { head: now, recordId: Number.MAX_SAFE_INTEGER }
    let kinds = this.#wanted(jobs).filter(isDue)
    const rows: Row[] = []
    while (rows.length < most) {
      kinds = kinds.filter(isOpen).sort(byDate)
      const [kind, next = last] = kinds
      if (kind === undefined) break
      const room = Math.min(most - rows.length, rooms.get(kind.job) ?? most)
      // The records before the first one of the next kind.
      let taken = this.#take(kind, next, room)
      // Where the head of the kind can't be changed, those behind the next kind are not to wait for ever.
      if (taken.length === 0) taken = this.#take(kind, last, room)
      rows.push(...taken)
      if (rooms.has(kind.job)) rooms.set(kind.job, (rooms.get(kind.job) as number) - taken.length)
      const first = this.#kinds.lookAgain(kind)
      kinds.shift()
      if (first !== undefined && isDue(first) && taken.length > 0) kinds.push(first)
    }
    return this.#sent(rows.sort((a, b) => a.runAt - b.runAt || a.recordId - b.recordId))
  }

  /** Claims records of a kind up to a head. */
  #take({ owner, kind }: Kind, { head, recordId }: Pick<Kind, 'head' | 'recordId'>, room: number): Row[] {
    const taken: Row[] = []
    for (const row of this.#due.all(owner, kind, head, recordId, room + this.#changes.stuck) as Row[]) {
      if (taken.length === room) break
      if (this.#changes.change(row.recordId, () => void this.#claim.run(row.recordId))) taken.push(row)
    }
    return taken
  }

  /** @param rooms jobs that are full have no record to be claimed */
  outlook(jobs: RunnableJobs, rooms: Rooms): Outlook {
    const now = clock.date()
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
    return { due, full: [...full], next }
  }

  /** The suspects that this process could run at some time. */
  suspects(jobs: RunnableJobs): Suspect[] {
    return this.#suspects.of(this.#wanted(jobs))
  }

  #wanted(jobs: RunnableJobs): Kind[] {
    if (this.isRecovering) return []
    const wants = this.#runnable.of(jobs)
    return this.#kinds.all().filter((kind) => wants(kind) === 'runs')
  }

  #sent(rows: readonly Row[]): ClaimedRow[] {
    return rows.map(({ runAt: _, ...row }) => ({ ...row, orphaned: row.orphaned === 1, store: this.#store }))
  }

  /** Some records of dead processes are not marked as orphaned yet. A million of them at once would keep other statements waiting. */
  get hasOrphans(): boolean {
    return this.#isAdopted && !this.isRecovering && this.#anyOrphan.get() !== undefined
  }

  /** Finds a record that waits for a key which this process does not have. */
  encryptedByOthers(jobs: RunnableJobs): { readonly recordId: number; readonly job: string } | undefined {
    const now = clock.date()
    const wants = this.#runnable.of(jobs)
    return this.#kinds.all().find((kind) => wants(kind) === 'sealed' && kind.head <= now)
  }

  /** The state of the database: another text after each change. */
  get seen(): string {
    return this.#kinds.seen
  }

  /** A number that changes with each commit of another process. */
  get dataVersion(): number {
    return this.#kinds.dataVersion
  }

  /** A transaction was rolled back. */
  rolledBack(): void {
    this.#kinds.forget()
  }

  /** The database has records that this process runs, or could run at some time. */
  isFor(jobs: RunnableJobs): boolean {
    return this.isRecovering || this.hasOrphans || this.#anyMine.get() !== undefined || this.#wanted(jobs).length > 0
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
