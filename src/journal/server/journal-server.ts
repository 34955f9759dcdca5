import { pid } from 'node:process'
import { isBusy } from '../files/database.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import type { ClaimedRow, CommitGroup, FromServer, RunnableJobs, ToServer } from '../protocol.ts'
import type { Databases } from './databases.ts'
import { GroupCommit } from './group-commit.ts'
import type { RecordTable } from './record-table.ts'

export interface JournalServerOptions {
  /** The number of the process, in its slot. */
  readonly process: number
  /** For how many ms failed records stay listed. */
  readonly retention: number
}

/** How often dead siblings are looked for, in ms, with as much again of jitter. */
const siblingInterval = 500
/** How often it is looked whether others have shared something, in ms. */
const sharedInterval = 100
/** For how many ms others may keep the shared database to themselves, before what is to be stored there is refused. */
const longestBusy = 5000
/** The clock may be set: nothing is slept over for longer than this, in ms. */
const longestWait = 60_000
/** How often old failures are forgotten, in ms. */
const forgetInterval = 3_600_000

/** Keeps the records: commits groups, hands out what nobody runs, looks after what dead processes left. */
export class JournalServer {
  readonly #databases: Databases
  readonly #groupCommit: GroupCommit
  readonly #shared: RecordTable
  readonly #tell: (message: FromServer) => void
  readonly #ownSlot: number
  readonly #retention: number
  #jobs: RunnableJobs = { known: [], shared: [] }
  /** What is in a slot is for the process that has it. */
  #slotJobs: RunnableJobs = { known: [], shared: [] }
  #wake: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  #forgetAt = 0
  #clock = Date.now()
  #dataVersion = 0
  #sealedTold = false
  #enlisted = false
  /** What the process has of what a keeper before this one has handed out. */
  #stillClaimed: readonly number[] | undefined
  /** Where the rest of that is free again. */
  readonly #swept = new WeakSet<RecordTable>()
  #closed = false
  /** What was told last, until all is well again. */
  #reported: string | undefined

  constructor(ground: Databases, { process, retention }: JournalServerOptions, tell: (message: FromServer) => void) {
    this.#databases = ground
    this.#groupCommit = new GroupCommit(ground)
    this.#shared = ground.shared
    this.#tell = tell
    this.#ownSlot = slotOf(process)
    this.#retention = retention
    this.#shared.neverWait()
    this.#enlist()
    this.#lookAgain()
    this.#watchShared()
  }

  receive(message: ToServer): void {
    // Whoever waits for a group is answered.
    if (this.#closed && message.type !== 'group') return
    switch (message.type) {
      case 'group':
        return this.#commit(message, Date.now() + longestBusy)
      case 'know':
        this.#jobs = message.jobs
        this.#slotJobs = { known: message.jobs.known, shared: message.jobs.known }
        return this.#enlist()
      case 'resume':
        this.#stillClaimed = message.keys
        return
      case 'hand-out':
        return this.#sendClaims(message.most, message.alone)
      case 'locked':
        for (const slot of message.slots)
          this.#try(() => this.#databases.adopted.adopt(slot, (slot) => this.#release(slot)))
        return this.#look()
      case 'look':
        return this.#look()
      case 'close':
        return this.#close()
    }
  }

  get #tables(): RecordTable[] {
    return [...this.#databases.adopted.tables, this.#shared]
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
    // Others may have to wait for it, or this process may run it.
    if (store === 'shared' && !this.#closed) this.#look()
  }

  /** What is free of what this process can run: first what nobody suspects of anything, then a suspect on its own. */
  #sendClaims(most: number, alone: boolean): void {
    const records: ClaimedRow[] = []
    let suspects = false
    let behind = false
    const stores = this.#tables
    const first = (store: RecordTable) => {
      const room = most - records.length
      const rows = this.#claim(store, () => (room > 0 ? store.claimable.claim(this.#jobsOf(store), room) : []))
      if (store === this.#shared) behind = rows.length === room
      records.push(...rows)
    }
    const then = (store: RecordTable) => {
      if (records.length > 0 || !alone) suspects ||= store.claimable.hasSuspects(this.#jobsOf(store))
      else records.push(...this.#claim(store, () => store.claimable.claimSuspect(this.#jobsOf(store))))
    }
    const tried = [first, then].flatMap((hand) => stores.map((store) => this.#try(() => hand(store))))
    this.#tell({ type: 'handed-out', records, suspects, behind })
    // What could not be taken stays where it is, for a later time.
    if (tried.includes(false)) setTimeout(() => this.#tell({ type: 'loose' }), sharedInterval)
    // Nothing among the first of them.
    else if (records.length === 0 && stores.some(({ claimable }) => claimable.hasOrphans)) this.#tell({ type: 'loose' })
    this.#try(() => this.#wakeLater())
  }

  #claim(store: RecordTable, take: () => ClaimedRow[]): ClaimedRow[] {
    const { poison, rows } = store.atomically(() => {
      if (this.#stillClaimed !== undefined && !this.#swept.has(store)) store.giveBack(this.#stillClaimed)
      return { poison: store.claimable.quarantine(), rows: take() }
    })
    this.#swept.add(store)
    for (const { key, job } of poison) {
      this.#tell({ type: 'report', code: 'AFTERWORD_POISON', values: [job, idOf(key)] })
    }
    return rows
  }

  #jobsOf(store: RecordTable): RunnableJobs {
    return store === this.#shared ? this.#jobs : this.#slotJobs
  }

  /** Tells if there is something to hand out, and else when there will be. If it can't: it is looked again soon. */
  #look(): void {
    this.#try(() => {
      if (this.#tables.some((store) => store.claimable.any(this.#jobsOf(store)))) this.#tell({ type: 'loose' })
      this.#wakeLater()
    })
  }

  #wakeLater(): void {
    clearTimeout(this.#wake)
    const next = Math.min(...this.#tables.map((store) => store.claimable.nextRun(this.#jobsOf(store))))
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

  /** Who can run what is told to whoever lists the records; first, that those which had the slot before have died. */
  #enlist(): void {
    const enlist = () => {
      if (!this.#enlisted) {
        this.#shared.release(this.#ownSlot)
        this.#shared.claimable.resetClock()
      }
      this.#shared.enlist(pid, this.#jobs.known)
    }
    if (this.#try(() => this.#shared.atomically(enlist))) this.#enlisted = true
    else setTimeout(() => this.#closed || this.#enlist(), sharedInterval).unref()
    this.#look()
  }

  #lookForSiblings(): void {
    this.#lookForSealed()
    this.#databases.adopted.update(this.#slotJobs, (slot) => this.#release(slot))
    if (Date.now() >= this.#forgetAt) {
      for (const store of this.#tables) store.forget(Date.now() - this.#retention)
      this.#forgetAt = Date.now() + forgetInterval
    }
    if (Date.now() < this.#clock) for (const store of this.#tables) store.claimable.resetClock()
    this.#clock = Date.now()
    // Also what was retried by hand, in another process.
    this.#look()
  }

  /** The process that had the slot has died: it may have taken shared records. */
  #release(slot: number): void {
    if (this.#shared.otherSlots.has(slot)) this.#shared.atomically(() => this.#shared.release(slot))
  }

  /** Tells, once, that something waits for a key that this process does not have. */
  #lookForSealed(): void {
    if (this.#sealedTold || this.#jobs.known.length === 0) return
    for (const store of this.#tables) {
      const found = store.claimable.encryptedByOthers(this.#jobsOf(store))
      if (found === undefined) continue
      this.#sealedTold = true
      return this.#tell({ type: 'report', code: 'AFTERWORD_SEALED', values: [found.job, idOf(found.key)] })
    }
  }

  /** For what is tried again: a full disk, say, passes. What goes on and on is told once. @returns whether it could be done */
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
      this.#shared.atomically(() => this.#shared.leave())
    } catch {
      // Whoever takes the slot next does that.
    }
    this.#databases.close()
    this.#tell({ type: 'closed' })
  }
}
