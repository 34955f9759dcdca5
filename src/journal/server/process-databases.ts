import { existsSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock, setTimeout } from '../../clock.ts'
import { DamageCheck, moveAside } from '../files/damage-check.ts'
import { openDatabase, type Report, reportDamagedWal, shut } from '../files/database.ts'
import { FileIdentity } from '../files/file-identity.ts'
import { logOf } from '../files/log-format.ts'
import { NewerFile } from '../files/newer-file.ts'
import { lockOf, ProcessLock, slotsIn } from '../files/process-lock.ts'
import { slotOf } from '../files/record-id.ts'
import type { FolderServerOptions, RunnableJobs } from '../protocol.ts'
import { LogRecovery } from './log-recovery.ts'
import type { OwnDatabases, SlotsInUse } from './own-databases.ts'
import { RecordTable } from './record-table.ts'

interface Slot {
  readonly table: RecordTable
  readonly database: DatabaseSync
  readonly check: DamageCheck
  /** The log of the dead process, until its records are in the database. */
  recovery: LogRecovery | undefined
}

/** The delay in ms after which a slot that could not be adopted is tried again: at first, and at most. */
const adoptAgain = 500
const longestAdoptAgain = 30_000
/** The number of rounds in which each slot that was left is looked at. */
const leftRounds = 256
/** The time in ms for which the date of the folder may not tell of a later change. */
const dateSlack = 100
/** The most slots that are looked into in one go, and the most that are adopted at once: each has open files. */
const mostAtOnce = 8
const mostAdopted = 24
/** The time in ms after which a slot that was asked for is another process's. */
const longestAsk = 1000
/** The time in ms for which the free pages of a slot that is let go are given back, while messages wait. */
const longestShut = 5

/** The thread of the requests holds the locks of slots. Should this thread die, adopted slots stay with the process, which runs their records. */
export interface SlotEvents {
  /** No living process seems to have the slot. */
  orphaned(slot: number): void
  /** The process does not need the slot any more. */
  released(slot: number): void
  /** The thread ends, and is started again: its files are not those of the folder any more. */
  restart(): never
}

/** The databases of this process: that of its own slot, and those of dead processes, until they are empty. */
export class ProcessDatabases implements OwnDatabases {
  readonly #options: FolderServerOptions
  readonly #shared: () => RecordTable
  readonly #tell: Report
  readonly #events: SlotEvents
  readonly #slots = new Map<number, Slot>()
  /** Slots without records for this process, each with the mark of its files: looked at again when those have changed. */
  readonly #left = new Map<number, string>()
  /** The left slots that a newer release has written: other jobs change nothing about these. */
  readonly #newer = new Set<number>()
  /** All slots, and the date of the folder when they were listed. */
  #all: readonly number[] = []
  #listedAt: number | undefined
  /** The slots that were asked for and are not adopted yet, and when that was. */
  readonly #asked = new Map<number, number>()
  /** The delays of slots that could not be adopted. */
  readonly #delays = new Map<number, number>()
  #isRecent = false
  #rounds = 0
  #jobs: RunnableJobs | undefined
  #own: RecordTable
  /** Once it is gone, the folder was moved away, and the names in it are those of other files. */
  readonly lock: FileIdentity

  constructor(options: FolderServerOptions, shared: () => RecordTable, tell: Report, events: SlotEvents) {
    this.#options = options
    this.#shared = shared
    this.#tell = tell
    this.#events = events
    const slot = slotOf(options.process)
    this.lock = new FileIdentity(lockOf(options.folder, slot))
    this.#own = this.#open(slot, false)
  }

  get own(): RecordTable {
    return this.#own
  }

  /** The path of the database of this process's own slot. */
  get ownPath(): string {
    return this.#pathOf(slotOf(this.#options.process))
  }

  get tables(): RecordTable[] {
    return Array.from(this.#slots.values(), ({ table }) => table)
  }

  of(key: number): RecordTable | undefined {
    return this.#slots.get(slotOf(key))?.table
  }

  /** Asks for the slots of dead processes, and releases those without records, or with records for other processes only. */
  update(jobs: RunnableJobs, { keep, release }: SlotsInUse): boolean {
    if (this.lock.isGone) return false
    const { process } = this.#options
    if (jobs !== this.#jobs) for (const slot of this.#left.keys()) if (!this.#newer.has(slot)) this.#left.delete(slot)
    this.#jobs = jobs
    this.#lookAtLeft()
    for (const [slot, { table, recovery }] of this.#slots) {
      if (slot === slotOf(process) || keep.has(slot) || recovery !== undefined) continue
      // Until the jobs of this process are known, the slot stays.
      if (table.empty || (jobs.known.length > 0 && !table.claimable.isFor(jobs))) this.#release(slot)
    }
    const now = clock.now()
    for (const [slot, askedAt] of this.#asked) if (now - askedAt > longestAsk) this.#asked.delete(slot)
    let room = mostAtOnce
    for (const slot of this.#all) {
      if (this.#slots.has(slot) || this.#left.has(slot) || this.#asked.has(slot)) continue
      if (room === 0 || this.#slots.size + this.#asked.size > mostAdopted) return true
      // Living processes take no room, however many they are.
      if (this.#lookInto(slot, release)) room--
    }
    return this.#asked.size > 0
  }

  /** Looks into a slot, if its process has died: one without records and claims is left as it is. @returns whether it has died */
  #lookInto(slot: number, release: (slot: number) => boolean): boolean {
    const lock = ProcessLock.tryTake(this.#options.folder, slot)
    if (lock === undefined) return false
    let isEmpty = false
    try {
      isEmpty = this.#isEmpty(slot) && release(slot)
    } catch {
      // Its adoption tells what is wrong with it.
    }
    if (isEmpty) this.#left.set(slot, this.#markOf(slot))
    lock.release()
    if (isEmpty) return true
    this.#asked.set(slot, clock.now())
    this.#events.orphaned(slot)
    return true
  }

  #isEmpty(slot: number): boolean {
    const path = this.#pathOf(slot)
    if (existsSync(logOf(this.#options.folder, slot))) return false
    if (!existsSync(path)) return true
    reportDamagedWal(path, this.#tell)
    const database = new DatabaseSync(path)
    try {
      return isEmpty(database)
    } finally {
      database.close()
    }
  }

  /** Forgets what it knows of slots that have changed. A process that takes a slot makes files: then the folder changes as well. */
  #lookAtLeft(): void {
    const { folder, lost = [] } = this.#options
    const { mtimeMs } = statSync(folder)
    // Files that were made in the very moment of the last look may not show in the date of the folder.
    const isSame = mtimeMs === this.#listedAt && !this.#isRecent
    this.#isRecent = clock.date() - mtimeMs < dateSlack
    if (!isSame) this.#all = slotsIn(folder).filter((slot) => !lost.includes(slot))
    this.#listedAt = mtimeMs
    this.#rounds++
    for (const [slot, mark] of this.#left) {
      const isDue = !isSame || slot % leftRounds === this.#rounds % leftRounds
      if (!isDue || mark === this.#markOf(slot)) continue
      this.#left.delete(slot)
      this.#newer.delete(slot)
    }
  }

  /** The dates and sizes of a slot's files. */
  #markOf(slot: number): string {
    const path = this.#pathOf(slot)
    const mark = (stats: Stats | undefined) => `${stats?.mtimeMs} ${stats?.size}`
    return [path, `${path}-wal`, logOf(this.#options.folder, slot)]
      .map((file) => mark(statSync(file, { throwIfNoEntry: false })))
      .join(' ')
  }

  #pathOf(slot: number): string {
    return join(this.#options.folder, `${slot}.db`)
  }

  close(until: number): void {
    for (const slot of [...this.#slots.keys()]) this.#release(slot, until)
  }

  adopt(slot: number): RecordTable | undefined {
    this.#asked.delete(slot)
    if (this.#slots.has(slot)) return undefined
    if (this.lock.isGone) return void this.#release(slot, 0)
    try {
      const table = this.#open(slot, true)
      this.#delays.delete(slot)
      return table
    } catch (error) {
      if (this.#isNewer(slot, error)) return undefined
      // Another process may be writing. The lock stays: this process may run records of the slot.
      const delay = this.#delays.get(slot) ?? adoptAgain
      this.#delays.set(slot, Math.min(2 * delay, longestAdoptAgain))
      setTimeout(() => this.#events.orphaned(slot), delay).unref()
      throw error
    }
  }

  /** The error says that a newer release has written a file of a slot, which is reported, and left to that release. */
  #isNewer(slot: number, error: unknown): boolean {
    if (!(error instanceof NewerFile)) return false
    this.#tell('AFTERWORD_JOURNAL_NEWER', error.values)
    this.#newer.add(slot)
    this.#release(slot, 0)
    return true
  }

  /** Moves the next records from the log of a dead process to the databases. @returns whether more follow */
  recover(slot: number): boolean {
    if (this.isRecovering(slot) && this.lock.isGone) this.#release(slot, 0)
    const found = this.#slots.get(slot)
    try {
      const more = found?.recovery?.step()
      if (found?.recovery?.isRead) found.table.claimable.isRecovering = false
      if (more) return true
    } catch (error) {
      if (!this.#isNewer(slot, error)) throw error
    }
    if (found === undefined) return false
    found.recovery = undefined
    found.table.claimable.isRecovering = false
    return false
  }

  isRecovering(slot: number): boolean {
    return this.#slots.get(slot)?.recovery !== undefined
  }

  get areRecovering(): boolean {
    return this.#asked.size > 0 || [...this.#slots.keys()].some((slot) => this.isRecovering(slot))
  }

  /** Moves a database aside that is damaged. The records of the slot that this process runs are in it. @returns false where it is not damaged */
  setAside(damaged: RecordTable, error: unknown): boolean {
    for (const [slot, { table, check }] of this.#slots) {
      if (table !== damaged) continue
      // Somebody may have written to it during the first look.
      if (!check.isDamaged || !check.isDamaged) return false
      this.#close(slot)
      const path = this.#pathOf(slot)
      this.#tell('AFTERWORD_JOURNAL_DAMAGED', [path, moveAside(path)], error)
      if (table === this.#own) this.#beginAnew(slot)
      else this.#events.released(slot)
      return true
    }
    return false
  }

  /** Begins the database of this process anew, behind the ids that it has given. */
  #beginAnew(slot: number): void {
    const own = this.#open(slot, false)
    own.atomically(() => own.beginBlock(this.#options.process), true)
    this.#own = own
  }

  #open(slot: number, adopted: boolean): RecordTable {
    const { process, sync, keyIds } = this.#options
    const database = openDatabase(this.#pathOf(slot), sync, this.#tell, !adopted)
    // A process that has found no empty slot has one with records of those before it.
    const isAdopted = adopted || !isEmpty(database)
    const table = new RecordTable(database, { store: 'own', process, sync, adopted: isAdopted, slot, keyIds })
    const log = logOf(this.#options.folder, slot)
    const recovery = adopted ? new LogRecovery(log, slot, table, this.#shared, this.#tell) : undefined
    table.claimable.isRecovering = recovery !== undefined
    this.#slots.set(slot, { table, database, check: new DamageCheck(this.#pathOf(slot)), recovery })
    return table
  }

  /** @param until by `performance.now()`: free pages are given back until then */
  #close(slot: number, until = 0): void {
    const found = this.#slots.get(slot)
    this.#slots.delete(slot)
    if (until > 0 && found !== undefined) shut(found.database, until)
    else found?.database.close()
    found?.check.close()
  }

  /** Lets a slot go. @param until by `performance.now()`: free pages are given back until then; 0 leaves its files as they are */
  #release(slot: number, until = clock.now() + longestShut): void {
    this.#close(slot, until)
    // The next process of the slot may change the files as soon as it gets the lock.
    this.#left.set(slot, this.#markOf(slot))
    if (slot !== slotOf(this.#options.process)) this.#events.released(slot)
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM afterword_records LIMIT 1').get() === undefined
}
