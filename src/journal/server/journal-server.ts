import { pid } from 'node:process'
import { isBusy } from '../files/database.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import type { ClaimedRow, CommitGroup, FromServer, RunnableJobs, ServerOptions, ToServer } from '../protocol.ts'
import type { Rooms } from './claimable-records.ts'
import type { Databases } from './databases.ts'
import { GroupCommit } from './group-commit.ts'
import type { RecordTable } from './record-table.ts'

/** The interval in ms at which the server looks for dead siblings, with as much again of jitter. */
const siblingInterval = 500
/** The interval in ms at which the server looks for shared records of other processes. */
const sharedInterval = 100
/** The time in ms for which other processes may lock the shared database before a group for it is refused. */
const longestBusy = 5000
/** The longest sleep in ms: the clock may be set meanwhile. */
const longestWait = 60_000
/** The interval in ms at which old failures are forgotten. */
const forgetInterval = 3_600_000

/** The journal's server, in a thread of its own: commits groups, claims records for the client, looks after dead processes. */
export class JournalServer {
  readonly #databases: Databases
  readonly #groupCommit: GroupCommit
  readonly #shared: RecordTable
  readonly #tell: (message: FromServer) => void
  readonly #ownSlot: number
  readonly #retention: number
  #jobs: RunnableJobs = { known: [], shared: [] }
  /** The jobs whose records this process runs from its own databases: all that it knows. */
  #ownJobs: RunnableJobs = { known: [], shared: [] }
  #wake: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #forgetAt = 0
  #clock = Date.now()
  #dataVersion = 0
  #encryptedTold = false
  /** The jobs of which the client knows that records are due: it asks for them when they have room. */
  #full: Rooms = new Map()
  #enlisted = false
  /** The ids of claims that the server before this one has sent, and that the client still has. */
  #stillClaimed: readonly number[] | undefined
  /** The tables in which the other claims of that server are free again. */
  readonly #swept = new WeakSet<RecordTable>()
  #closed = false
  /** The trouble that was reported last, until all is well again. */
  #reported: string | undefined

  constructor(databases: Databases, { process, retention }: ServerOptions, tell: (message: FromServer) => void) {
    this.#databases = databases
    this.#groupCommit = new GroupCommit(databases)
    this.#shared = databases.shared
    this.#tell = tell
    this.#ownSlot = slotOf(process)
    this.#retention = retention
    this.#shared.neverWait()
    this.#enlist()
    this.#lookAgain()
    this.#watchShared()
  }

  receive(message: ToServer): void {
    // The client still gets the answer to a group.
    if (this.#closed && message.type !== 'group') return
    switch (message.type) {
      case 'group':
        return this.#commit(message, Date.now() + longestBusy)
      case 'jobs':
        this.#jobs = message.jobs
        this.#ownJobs = { known: message.jobs.known, shared: message.jobs.known }
        return this.#enlist()
      case 'resume':
        this.#stillClaimed = message.claimed
        return
      case 'claim':
        return this.#sendClaims(message)
      case 'adopt':
        for (const slot of message.slots)
          this.#try(() => this.#databases.owned.adopt(slot, (slot) => this.#release(slot)))
        return this.#look()
      case 'look':
        return this.#look()
      case 'close':
        return this.#close()
    }
  }

  get #tables(): RecordTable[] {
    return [...this.#databases.owned.tables, this.#shared]
  }

  #commit(group: CommitGroup, until: number): void {
    const { store } = group
    try {
      this.#tell({ type: 'committed', store, duplicates: this.#groupCommit.commit(group) })
    } catch (error) {
      if (store === 'shared' && isBusy(error) && Date.now() < until) {
        setTimeout(() => this.#commit(group, until), 1 + 3 * Math.random())
      } else this.#tell({ type: 'refused', store, message: String(error) })
      return
    }
    // Other processes may have to wait for a record, or this one may run it.
    if (store === 'shared' && !this.#closed) this.#look()
  }

  /** Sends claims of records that this process can run: first of those without suspicion, then a single suspect. */
  #sendClaims({ most, alone, rooms: given }: ToServer & { type: 'claim' }): void {
    const rooms = new Map(given)
    const full = new Set<string>()
    const records: ClaimedRow[] = []
    let suspects = false
    let behind = false
    let next = Infinity
    const tables = this.#tables
    const first = (table: RecordTable) => {
      const room = most - records.length
      const rows = this.#claim(table, () => (room > 0 ? table.claimable.claim(this.#jobsOf(table), room, rooms) : []))
      if (table === this.#shared) behind = rows.length === room
      records.push(...rows)
    }
    const then = (table: RecordTable) => {
      const jobs = this.#jobsOf(table)
      if (records.length === 0 && alone) {
        records.push(...this.#claim(table, () => table.claimable.claimSuspect(jobs, rooms)))
      }
      const outlook = table.claimable.outlook(jobs, rooms)
      for (const job of outlook.full) full.add(job)
      suspects ||= outlook.suspects
      next = Math.min(next, outlook.next)
    }
    const tried = [first, then].flatMap((hand) => tables.map((table) => this.#try(() => hand(table))))
    this.#full = new Map(Array.from(full, (job) => [job, 0]))
    this.#tell({ type: 'claimed', records, suspects, behind, full: [...full] })
    // Records that could not be claimed stay where they are, for a later time.
    if (tried.includes(false)) setTimeout(() => this.#tell({ type: 'claimable' }), sharedInterval)
    // The first page of orphans had none: look at the next one.
    else if (records.length === 0 && tables.some(({ claimable }) => claimable.hasOrphans))
      this.#tell({ type: 'claimable' })
    this.#wakeAt(next)
  }

  #claim(table: RecordTable, take: () => ClaimedRow[]): ClaimedRow[] {
    const { poison, rows } = table.atomically(() => {
      if (this.#stillClaimed !== undefined && !this.#swept.has(table)) table.freeOtherClaims(this.#stillClaimed)
      return { poison: table.claimable.quarantine(), rows: take() }
    })
    this.#swept.add(table)
    for (const { recordId, job } of poison) {
      this.#tell({ type: 'report', code: 'AFTERWORD_POISON', values: [job, idOf(recordId)] })
    }
    return rows
  }

  #jobsOf(table: RecordTable): RunnableJobs {
    return table === this.#shared ? this.#jobs : this.#ownJobs
  }

  /** Tells the client if a record is claimable, else sets a timer until there will be one. Where that fails, the server soon looks again. */
  #look(): void {
    this.#try(() => {
      const outlooks = this.#tables.map((table) => table.claimable.outlook(this.#jobsOf(table), this.#full))
      if (outlooks.some(({ due }) => due)) this.#tell({ type: 'claimable' })
      this.#wakeAt(Math.min(...outlooks.map(({ next }) => next)))
    })
  }

  #wakeAt(next: number): void {
    clearTimeout(this.#wake)
    if (next === Infinity || this.#closed) return
    this.#wake = setTimeout(() => this.#look(), Math.min(Math.max(next - Date.now(), 1), longestWait)).unref()
  }

  #watchShared(): void {
    const watch = () => {
      const { dataVersion } = this.#shared
      if (dataVersion === this.#dataVersion) return
      this.#dataVersion = dataVersion
      this.#look()
    }
    this.#watch = setInterval(() => this.#jobs.known.length > 0 && this.#try(watch), sharedInterval).unref()
  }

  /** Lists this process and its jobs, for those who look at the records. First, records of dead processes of this slot are orphaned. */
  #enlist(): void {
    const enlist = () => {
      if (!this.#enlisted) {
        this.#shared.upkeep.release(this.#ownSlot)
        this.#shared.upkeep.resetClock()
      }
      this.#shared.enlist(pid, this.#jobs.known)
    }
    if (this.#try(() => this.#shared.atomically(enlist))) this.#enlisted = true
    else setTimeout(() => this.#closed || this.#enlist(), sharedInterval).unref()
    this.#look()
  }

  #lookForSiblings(): void {
    this.#lookForEncrypted()
    this.#databases.owned.update(this.#ownJobs, (slot) => this.#release(slot))
    if (Date.now() >= this.#forgetAt) {
      for (const table of this.#tables) table.upkeep.forget(Date.now() - this.#retention)
      this.#forgetAt = Date.now() + forgetInterval
    }
    if (Date.now() < this.#clock) for (const table of this.#tables) table.upkeep.resetClock()
    this.#clock = Date.now()
    // Another process may have retried a failed record by hand.
    this.#look()
  }

  /** The process of the slot has died: its claims of shared records are free. */
  #release(slot: number): void {
    if (this.#shared.otherSlots.has(slot)) this.#shared.atomically(() => this.#shared.upkeep.release(slot))
  }

  /** Reports, once, that a record waits for a key that this process does not have. */
  #lookForEncrypted(): void {
    if (this.#encryptedTold || this.#jobs.known.length === 0) return
    for (const table of this.#tables) {
      const found = table.claimable.encryptedByOthers(this.#jobsOf(table))
      if (found === undefined) continue
      this.#encryptedTold = true
      return this.#tell({ type: 'report', code: 'AFTERWORD_SEALED', values: [found.job, idOf(found.recordId)] })
    }
  }

  /** Calls `fn`, which is tried again later: a full disk, say, passes. Reports lasting trouble once. @returns whether `fn` succeeded */
  #try(fn: () => void): boolean {
    try {
      fn()
      return true
    } catch (error) {
      const message = String(error)
      if (isBusy(error) || message === this.#reported) return false
      this.#reported = message
      this.#tell({ type: 'report', code: 'AFTERWORD_JOURNAL_REFUSED', values: [message] })
      return false
    }
  }

  #lookAgain(): void {
    if (this.#try(() => this.#lookForSiblings())) this.#reported = undefined
    setTimeout(() => this.#closed || this.#lookAgain(), siblingInterval * (1 + Math.random())).unref()
  }

  #close(): void {
    this.#closed = true
    clearTimeout(this.#wake)
    clearInterval(this.#watch)
    try {
      this.#shared.atomically(() => this.#shared.upkeep.leave())
    } catch {
      // The next process of the slot does that.
    }
    this.#databases.close()
    this.#tell({ type: 'closed' })
  }
}
