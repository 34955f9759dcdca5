import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, type Report } from '../files/database.ts'
import { ProcessLock, slotsIn } from '../files/process-lock.ts'
import { slotOf } from '../files/record-id.ts'
import type { FolderServerOptions, RunnableJobs } from '../protocol.ts'
import { RecordTable } from './record-table.ts'

/** The databases of the slots whose records are this process's. */
export interface OwnDatabases {
  readonly tables: readonly RecordTable[]
  /** The table of a record; `undefined` if its slot was released: then no table has the record any more. */
  of(recordId: number): RecordTable | undefined
  /** Looks for slots of dead processes. @param jobs the jobs that this process runs @param onOrphaned is called with each slot, first */
  update(jobs: RunnableJobs, onOrphaned: (slot: number) => void): void
  /** Adopts a slot whose lock this process has. @param onOrphaned is called with the slot, first */
  adopt(slot: number, onOrphaned: (slot: number) => void): void
}

interface Slot {
  readonly table: RecordTable
  readonly database: DatabaseSync
}

/** The delay in ms after which a slot that could not be adopted is tried again. */
const adoptAgain = 500

/** The thread of the requests holds the locks of slots. Should this thread die, adopted slots stay with the process, which runs their records. */
export interface SlotEvents {
  /** No living process seems to have the slot. */
  orphaned(slot: number): void
  /** The process does not need the slot any more. */
  released(slot: number): void
}

/** The databases of this process: that of its own slot, and those of dead processes, until they are empty. */
export class ProcessDatabases implements OwnDatabases {
  readonly #options: FolderServerOptions
  readonly #tell: Report
  readonly #events: SlotEvents
  readonly #slots = new Map<number, Slot>()
  /** Slots with records that only another process can run, each with the date of its last change. */
  readonly #forOthers = new Map<number, number | undefined>()
  #jobs: RunnableJobs | undefined
  readonly own: RecordTable

  constructor(options: FolderServerOptions, tell: Report, events: SlotEvents) {
    this.#options = options
    this.#tell = tell
    this.#events = events
    const { process } = options
    this.own = this.#open(slotOf(process), false)
  }

  get tables(): RecordTable[] {
    return Array.from(this.#slots.values(), ({ table }) => table)
  }

  of(key: number): RecordTable | undefined {
    return this.#slots.get(slotOf(key))?.table
  }

  /** Asks for the slots of dead processes, and releases those without records, or with records for other processes only. */
  update(jobs: RunnableJobs): void {
    const { folder, process } = this.#options
    if (jobs !== this.#jobs) this.#forOthers.clear()
    this.#jobs = jobs
    for (const slot of slotsIn(folder)) {
      if (this.#slots.has(slot) || this.#forOthers.get(slot) === this.#changed(slot)) continue
      const lock = ProcessLock.take(folder, slot)
      lock?.release()
      if (lock !== undefined) this.#events.orphaned(slot)
    }
    for (const [slot, { table }] of this.#slots) {
      if (slot === slotOf(process)) continue
      if (table.empty) this.#release(slot)
      // Until the jobs of this process are known, the slot stays.
      else if (jobs.known.length > 0 && !table.claimable.isFor(jobs)) {
        this.#release(slot)
        this.#forOthers.set(slot, this.#changed(slot))
      }
    }
  }

  /** The date of the last change of a slot's database, in ms. */
  #changed(slot: number): number | undefined {
    return statSync(this.#pathOf(slot), { throwIfNoEntry: false })?.mtimeMs
  }

  #pathOf(slot: number): string {
    return join(this.#options.folder, `${slot}.db`)
  }

  close(): void {
    for (const slot of [...this.#slots.keys()]) this.#release(slot)
  }

  adopt(slot: number, onOrphaned: (slot: number) => void): void {
    if (this.#slots.has(slot)) return
    try {
      onOrphaned(slot)
      this.#open(slot, true)
    } catch (error) {
      // Another process may be writing. The lock stays: this process may run records of the slot.
      setTimeout(() => this.#events.orphaned(slot), adoptAgain)
      throw error
    }
  }

  #open(slot: number, adopted: boolean): RecordTable {
    const { process, sync, keyIds } = this.#options
    const database = openDatabase(this.#pathOf(slot), sync, this.#tell, !adopted)
    const table = new RecordTable(database, { store: 'own', process, sync, adopted, keyIds })
    table.upkeep.resetClock()
    this.#slots.set(slot, { table, database })
    return table
  }

  #release(slot: number): void {
    const { database } = this.#slots.get(slot) as Slot
    this.#slots.delete(slot)
    shut(database)
    if (slot !== slotOf(this.#options.process)) this.#events.released(slot)
  }
}

/** Closes a database; its free pages go back to the disk. */
export function shut(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // Another process works with the database, or the disk is full: neither is a reason to keep it open.
  }
  database.close()
}
