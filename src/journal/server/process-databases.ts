import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, type Report } from '../files/database.ts'
import { ProcessLock, slotsIn } from '../files/process-lock.ts'
import { slotOf } from '../files/record-id.ts'
import type { RunnableJobs } from '../protocol.ts'
import type { FolderOptions, OwnDatabases } from './databases.ts'
import { RecordTable } from './record-table.ts'

interface Slot {
  readonly store: RecordTable
  readonly database: DatabaseSync
}

/** After how many ms it is tried again to take a slot over. */
const adoptAgain = 500

/** Who holds the locks: the thread of the requests. Should this one die, what was taken over stays with the process, which runs it. */
export interface Locks {
  /** No living process seems to have the slot. */
  free(slot: number): void
  letGo(slot: number): void
}

/** The slots whose records are this process's: its own, and those of dead processes, until they are empty. */
export class ProcessDatabases implements OwnDatabases {
  readonly #options: FolderOptions
  readonly #tell: Report
  readonly #locks: Locks
  readonly #slots = new Map<number, Slot>()
  /** Slots with records that only another process can run, each with when it was changed last. */
  readonly #forOthers = new Map<number, number | undefined>()
  #jobs: RunnableJobs | undefined
  readonly own: RecordTable

  constructor(options: FolderOptions, tell: Report, locks: Locks) {
    this.#options = options
    this.#tell = tell
    this.#locks = locks
    const { process } = options
    this.own = this.#open(slotOf(process), false)
  }

  get tables(): RecordTable[] {
    return Array.from(this.#slots.values(), ({ store }) => store)
  }

  of(key: number): RecordTable | undefined {
    return this.#slots.get(slotOf(key))?.store
  }

  /** Asks for those of dead processes, and lets go of those where there is nothing to do, or only for others. */
  update(jobs: RunnableJobs): void {
    const { folder, process } = this.#options
    if (jobs !== this.#jobs) this.#forOthers.clear()
    this.#jobs = jobs
    for (const slot of slotsIn(folder)) {
      if (this.#slots.has(slot) || this.#forOthers.get(slot) === this.#changed(slot)) continue
      const lock = ProcessLock.take(folder, slot)
      lock?.release()
      if (lock !== undefined) this.#locks.free(slot)
    }
    for (const [slot, { store }] of this.#slots) {
      if (slot === slotOf(process)) continue
      if (store.empty) this.#letGo(slot)
      // Before it is known what this process can run, it is for this one.
      else if (jobs.known.length > 0 && !store.claimable.isFor(jobs)) {
        this.#letGo(slot)
        this.#forOthers.set(slot, this.#changed(slot))
      }
    }
  }

  /** When the database of a slot was changed, in ms. */
  #changed(slot: number): number | undefined {
    return statSync(this.#pathOf(slot), { throwIfNoEntry: false })?.mtimeMs
  }

  #pathOf(slot: number): string {
    return join(this.#options.folder, `${slot}.db`)
  }

  close(): void {
    for (const slot of [...this.#slots.keys()]) this.#letGo(slot)
  }

  adopt(slot: number, taken: (slot: number) => void): void {
    if (this.#slots.has(slot)) return
    try {
      taken(slot)
      this.#open(slot, true)
    } catch (error) {
      // Others are writing, say. The lock stays: the process may run what is in there.
      setTimeout(() => this.#locks.free(slot), adoptAgain)
      throw error
    }
  }

  #open(slot: number, adopted: boolean): RecordTable {
    const { process, sync, keyIds } = this.#options
    const database = openDatabase(this.#pathOf(slot), sync, this.#tell, !adopted)
    const store = new RecordTable(database, { store: 'own', process, sync, adopted, keyIds })
    store.claimable.resetClock()
    this.#slots.set(slot, { store, database })
    return store
  }

  #letGo(slot: number): void {
    const { database } = this.#slots.get(slot) as Slot
    this.#slots.delete(slot)
    shut(database)
    if (slot !== slotOf(this.#options.process)) this.#locks.letGo(slot)
  }
}

/** What is free goes back to the disk. */
export function shut(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // Another process works with it, or the disk is full: that is no reason to keep it open.
  }
  database.close()
}
