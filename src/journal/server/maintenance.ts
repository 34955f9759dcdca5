import { clearTimeout, clock, setTimeout } from '../../clock.ts'
import { isBusy } from '../files/sqlite-errors.ts'
import type { RunnableJobs } from '../protocol.ts'
import type { Databases } from './databases.ts'
import { SharedError } from './log-recovery.ts'
import type { RefusedRecord } from './record-changes.ts'
import type { RecordTable } from './record-table.ts'

/** The interval in ms at which dead siblings are looked for, with half as much again of jitter. */
const interval = 750
/** The time in ms after which a process in which nothing happens looks half as often. */
const idleAfter = 10_000
/** The delay in ms of the next look where many slots were left. */
const moreDelay = 50
/** The interval in ms at which old failures are forgotten, and those that are too many. */
const forgetInterval = 60_000
/** The pause in ms after a page that could not be written. */
const longPause = 500

/** The server, as its maintenance sees it. */
interface Maintained {
  readonly databases: Databases
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
  /** The most failed records that stay listed, in each database. */
  readonly maxFailed: number
  /** The jobs whose records this process runs from its own databases. */
  readonly ownJobs: RunnableJobs
  /** Calls `fn`, and reports its trouble. @returns whether `fn` succeeded */
  try(fn: () => void): boolean
  /** Mends a table after an error, or moves its database aside. @returns whether one of them was done */
  mend(table: RecordTable, error: unknown): boolean
  /** Sets rows aside that can't be read. @param from @param to the keys between which is looked */
  checkRows(table: RecordTable, from: number, to: number): void
  /** Tells of a record that was set aside. */
  tellAside(record: RefusedRecord): void
  /** Some record may be claimable. */
  look(): void
  /** The log of a dead process is in the databases. */
  logMoved(): void
  /** Looks at databases that have changed without a word of the system. */
  lookAround(): void
  /** Called once a minute. */
  everyMinute(): void
  /** All went well for a while. */
  recovered(): void
}

/** A chore takes any number of pages. Each is a transaction of its own. @returns whether that was the last page */
type Chore = () => boolean

/**
 * The maintenance looks after dead siblings, old failures, free space and the clock. All that may concern any number of records goes page
 * by page, with pauses in which messages are served: no group waits for more than one page.
 */
export class Maintenance {
  readonly #server: Maintained
  readonly #chores: Chore[] = []
  /** The chores whose last page failed: trouble that lasts is reported once. */
  readonly #failing = new Set<Chore>()
  /** Slots whose processes still have claims: this process keeps their locks, since the next process of the slot may claim others. */
  readonly #releasing = new Set<number>()
  #step: NodeJS.Timeout | undefined
  #round: NodeJS.Timeout | undefined
  #forgetAt = 0
  /** More slots wait to be looked at. */
  #more = false
  #clock = clock.date()
  #busyAt = clock.now()
  #stopped = false

  constructor(server: Maintained) {
    this.#server = server
  }

  /** Notes that something happens in this process, or to its databases. */
  noteWork(): void {
    this.#busyAt = clock.now()
  }

  /** Looks around now, and at an interval. */
  begin(): void {
    if (this.#server.try(() => this.#lookAround()) && this.#failing.size === 0) this.#server.recovered()
    if (this.#stopped) return
    const isIdle = clock.now() - this.#busyAt > idleAfter
    const pause = this.#more ? moreDelay : (isIdle ? 2 : 1) * interval * (1 + Math.random() / 2)
    this.#round = setTimeout(() => this.begin(), pause).unref()
  }

  /** The processes of a slot have died, whose lock this process has: its records are this process's, and their claims are free. */
  adopt(slot: number): void {
    const { databases, look } = this.#server
    // Outcomes of its records may follow at once.
    this.#server.try(() => {
      const table = databases.owned.adopt(slot)
      if (table === undefined) return
      this.#begin(table)
      this.#add(table, () => {
        const more = databases.owned.recover(slot)
        look()
        if (!more) this.#server.logMoved()
        return !more
      })
    })
    this.#releasing.add(slot)
    this.#add(databases.shared, () => {
      if (!this.#release(slot)) return false
      this.#releasing.delete(slot)
      look()
      return true
    })
  }

  /** A server begins: the processes before this one on its slot have died. */
  enlisted(slot: number): void {
    const { shared } = this.#server.databases
    this.#add(shared, () => this.#release(slot))
    this.#begin(shared)
  }

  /** Leaves what is left to other processes, and to the next one. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#step)
    clearTimeout(this.#round)
  }

  /** Does what an orderly end needs, as far as there is time. @param until by `performance.now()` @param kept records that still run */
  leave(until: number, kept: readonly number[]): void {
    const { shared } = this.#server.databases
    try {
      while (!shared.atomically(() => shared.upkeep.leave(kept)) && clock.now() < until);
      // Processes that live for a moment get on with it, too.
      for (const chore of this.#chores.splice(0)) if (clock.now() < until) chore()
    } catch {
      // The next process of the slot does that.
    }
  }

  /** A table is there from now on: dates of records may be of another clock, and rows may be damaged. */
  #begin(table: RecordTable): void {
    this.#resetClock(table)
    if (!table.upkeep.isOurs) return
    const check = () => table.upkeep.check((from, to) => this.#server.checkRows(table, from, to))
    // Nothing of a small table is claimed before.
    const isChecked = this.#server.try(() => {
      if (!table.upkeep.isSmall) this.#add(table, check)
      else while (!check());
    })
    if (!isChecked) this.#add(table, check)
  }

  #lookAround(): void {
    const { databases, ownJobs, look, lookAround } = this.#server
    lookAround()
    databases.check?.()
    const inUse = { release: (slot: number) => this.#release(slot), keep: this.#releasing }
    this.#more = databases.owned.update(ownJobs, inUse)
    if (clock.date() >= this.#forgetAt) {
      for (const table of databases.tables) this.#forget(table)
      this.#server.everyMinute()
      this.#forgetAt = clock.date() + forgetInterval
    }
    const now = clock.date()
    if (now < this.#clock) for (const table of databases.tables) this.#resetClock(table)
    // The clock was set forward, or the machine has slept: more may be due.
    if (now > this.#clock + 4 * interval) look()
    this.#clock = now
  }

  #release(slot: number): boolean {
    const { shared } = this.#server.databases
    return !shared.otherSlots.has(slot) || this.#releasePage(slot)
  }

  #releasePage(slot: number): boolean {
    const { shared } = this.#server.databases
    return shared.carefully(() => shared.upkeep.release(slot), this.#server.tellAside)
  }

  #forget(table: RecordTable): void {
    const { retention, maxFailed } = this.#server
    let many = false
    this.#add(table, () => {
      const isLast = table.atomically(() => table.upkeep.forget(clock.date() - retention, maxFailed))
      if (isLast && many) this.#add(table, () => table.upkeep.giveSpaceBack())
      many = true
      return isLast
    })
  }

  #resetClock(table: RecordTable): void {
    let from: number | undefined = 0
    this.#add(table, () => {
      from = table.atomically(() => table.upkeep.resetClock(from))
      if (from === undefined) this.#server.look()
      return from === undefined
    })
  }

  /** Adds a chore, which ends with its table. */
  #add(table: RecordTable, chore: Chore): void {
    const { databases, mend } = this.#server
    this.#chores.push(() => {
      try {
        return !databases.tables.includes(table) || chore()
      } catch (error) {
        // The error of a recovery may be that of the other database.
        const isMended = error instanceof SharedError ? mend(databases.shared, error.cause) : mend(table, error)
        if (isMended) return false
        throw error instanceof SharedError && isBusy(error.cause) ? error.cause : error
      }
    })
    this.#goOn(0)
  }

  #goOn(pause: number): void {
    if (this.#stopped || this.#chores.length === 0) return
    this.#step ??= setTimeout(this.#onStep, pause).unref()
  }

  readonly #onStep = (): void => {
    this.#step = undefined
    const chore = this.#chores.shift() as Chore
    const began = clock.now()
    let isLast = false
    const isDone = this.#server.try(() => {
      isLast = chore()
    })
    if (isDone) this.#failing.delete(chore)
    else this.#failing.add(chore)
    if (!isLast) this.#chores.push(chore)
    if (this.#chores.length === 0) this.#releasing.clear()
    // Half of the time is for others.
    this.#goOn(isDone ? clock.now() - began : longPause)
  }
}
