import { clearTimeout, clock, setTimeout } from '../../clock.ts'
import { idOf } from '../files/record-id.ts'
import type { ClaimedRow, FromServer, RunnableJobs, ToServer } from '../protocol.ts'
import type { Rooms } from './claimable-records.ts'
import type { Databases } from './databases.ts'
import type { RecordTable } from './record-table.ts'
import { byTrial, isPoisonous } from './suspects.ts'
import type { FoundSuspect, Trials } from './trials.ts'

/** The delay in ms after which records that could not be claimed are tried again. */
const busyDelay = 100
/** The delay in ms of the next look at a database that could not be looked at. */
const lookAgain = 1000
/** The longest sleep in ms. */
const longestWait = 60_000

/** The server, as its answers see it. */
interface Answering {
  readonly databases: Databases
  readonly trials: Trials
  /** The jobs whose records in a table this process runs. */
  jobsOf(table: RecordTable): RunnableJobs
  tell(message: FromServer): void
  /** Calls `fn`, and reports its trouble. @returns whether `fn` succeeded */
  try(fn: () => void): boolean
  /** Calls `fn`, which works with a table: trouble with one table is none of the others'. @returns whether `fn` succeeded */
  on(table: RecordTable, fn: () => void): boolean
}

/** The answers to a client that asks for claims, and what tells it to ask. */
export class ClaimAnswers {
  readonly #server: Answering
  /** The jobs of which the client knows that records are due: it asks for them when they have room. */
  #full: Rooms = new Map()
  /** The ids of claims that the server before this one has sent, and that the client still has. */
  #stillClaimed: readonly number[] | undefined
  /** The tables in which the other claims of that server are free again. */
  readonly #swept = new WeakSet<RecordTable>()
  #wake: NodeJS.Timeout | undefined
  #stopped = false

  constructor(server: Answering) {
    this.#server = server
  }

  /** The server is a new one: of the claims of the server before, the client has these. */
  resume(claimed: readonly number[]): void {
    this.#stillClaimed = claimed
  }

  /** Sends claims of records that this process can run: suspects whose trial is due, then others. */
  send({ most, rooms: given }: ToServer & { type: 'claim' }): void {
    const { trials } = this.#server
    const { tables, shared } = this.#server.databases
    const rooms = new Map(given)
    const records: ClaimedRow[] = []
    let behind = false
    const take = (table: RecordTable, claim: () => ClaimedRow[]) => {
      const rows = this.#claim(table, claim)
      trials.claimed(table, rows)
      records.push(...rows)
    }
    const onTrial = (table: RecordTable, recordIds: readonly number[]) => {
      take(table, () => table.suspects.claim(recordIds))
    }
    const others = (table: RecordTable) => {
      const room = most - records.length
      const before = records.length
      take(table, () => (room > 0 ? table.claimable.claim(this.#server.jobsOf(table), room, rooms) : []))
      if (table === shared) behind = records.length - before === room
    }
    const chosen = trials.areOn ? [] : trials.choose(this.#suspects(), most, rooms)
    const tried = [...new Set(chosen.map(({ table }) => table))].map((table) => {
      const recordIds = chosen.filter((each) => each.table === table).map(({ suspect }) => suspect.recordId)
      return this.#try(table, () => onTrial(table, recordIds))
    })
    for (const { job } of records) if (rooms.has(job)) rooms.set(job, (rooms.get(job) as number) - 1)
    tried.push(...tables.map((table) => this.#try(table, () => others(table))))
    const full = new Set<string>()
    let next = Infinity
    const lookAhead = () => {
      const outlook = this.#outlook(rooms)
      for (const job of outlook.full) full.add(job)
      next = outlook.next
    }
    tried.push(this.#server.try(lookAhead))
    this.#full = new Map(Array.from(full, (job) => [job, 0]))
    this.#server.tell({ type: 'claimed', records, behind, full: [...full] })
    // Records that could not be claimed stay where they are, for a later time.
    if (tried.includes(false)) setTimeout(() => this.#server.tell({ type: 'claimable' }), busyDelay)
    // The first page of orphans had none: look at the next one.
    else if (records.length === 0 && tables.some(({ claimable }) => claimable.hasOrphans))
      this.#server.tell({ type: 'claimable' })
    this.#wakeAt(next)
  }

  /** Tells the client if a record is claimable, else sets a timer until there will be one. Where that fails, the server soon looks again. */
  look(): void {
    if (this.#stopped) return
    this.#server.try(() => {
      const { due, next } = this.#outlook(this.#full)
      if (due) this.#server.tell({ type: 'claimable' })
      this.#wakeAt(next)
    })
  }

  /** Claims nothing any more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#wake)
  }

  #outlook(rooms: Rooms): { due: boolean; next: number; full: ReadonlySet<string> } {
    const { databases, trials, jobsOf } = this.#server
    const full = new Set<string>()
    let due = false
    let next = Infinity
    const look = (table: RecordTable) => {
      const outlook = table.claimable.outlook(jobsOf(table), rooms)
      for (const job of outlook.full) full.add(job)
      due ||= outlook.due
      next = Math.min(next, outlook.next)
    }
    const now = clock.date()
    for (const table of databases.tables) {
      if (!this.#server.on(table, () => look(table))) next = Math.min(next, now + lookAgain)
    }
    for (const { suspect } of this.#suspects()) {
      if (isPoisonous(suspect)) due = true
      else if (!trials.areOn) {
        const at = trials.claims(suspect)
        if (at > now) next = Math.min(next, at)
        else if (rooms.get(suspect.job) === 0) full.add(suspect.job)
        else due = true
      }
    }
    return { due, next, full }
  }

  #suspects(): FoundSuspect[] {
    const { databases, jobsOf } = this.#server
    const found: FoundSuspect[] = []
    const find = (table: RecordTable) => {
      for (const suspect of table.claimable.suspects(jobsOf(table))) found.push({ table, suspect })
    }
    for (const table of databases.tables) this.#try(table, () => find(table))
    return found.sort((a, b) => byTrial(a.suspect, b.suspect))
  }

  #claim(table: RecordTable, take: () => ClaimedRow[]): ClaimedRow[] {
    const claim = () => {
      if (this.#stillClaimed !== undefined && !this.#swept.has(table)) table.freeOtherClaims(this.#stillClaimed)
      table.claimable.takeOver()
      return { poison: table.suspects.quarantine(), rows: take() }
    }
    const { poison, rows } = table.carefully(claim, ({ recordId, why }) => {
      this.#server.tell({ type: 'report', code: 'AFTERWORD_SET_ASIDE', values: [idOf(recordId), why] })
    })
    this.#swept.add(table)
    for (const { recordId, job } of poison) {
      this.#server.tell({ type: 'report', code: 'AFTERWORD_POISON', values: [job, idOf(recordId)] })
    }
    return rows
  }

  #wakeAt(next: number): void {
    clearTimeout(this.#wake)
    if (next === Infinity || this.#stopped) return
    this.#wake = setTimeout(() => this.look(), Math.min(Math.max(next - clock.date(), 1), longestWait)).unref()
  }

  #try(table: RecordTable, fn: () => void): boolean {
    return this.#server.on(table, fn)
  }
}
