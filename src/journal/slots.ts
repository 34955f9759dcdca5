import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { openDatabase, type Tell } from './database.ts'
import type { FolderOptions, OwnedSlots } from './ground.ts'
import type { RunnableJobs } from './group.ts'
import { slotOf } from './key.ts'
import { SlotLock, slotsIn } from './lock.ts'
import { Store } from './store.ts'

/** A slot with its database, and its lock where it was taken over; the own one's is held by the thread of the requests. */
interface Slot {
  readonly store: Store
  readonly database: DatabaseSync
  readonly lock?: SlotLock
}

/** The slots whose records are this process's: its own, and those of dead processes, until they are empty. */
export class Slots implements OwnedSlots {
  readonly #options: FolderOptions
  readonly #tell: Tell
  readonly #slots = new Map<number, Slot>()
  /** Slots with records that only another process can run, each with when it was changed last. */
  readonly #forOthers = new Map<number, number | undefined>()
  #jobs: RunnableJobs | undefined
  readonly own: Store

  constructor(options: FolderOptions, tell: Tell) {
    this.#options = options
    this.#tell = tell
    const { process } = options
    this.own = this.#open(slotOf(process)).store
  }

  get stores(): Store[] {
    return Array.from(this.#slots.values(), ({ store }) => store)
  }

  of(key: number): Store | undefined {
    return this.#slots.get(slotOf(key))?.store
  }

  /** Takes over those of dead processes, and lets go of those where there is nothing to do, or only for others. */
  update(jobs: RunnableJobs, taken: (slot: number) => void): void {
    const { folder, process } = this.#options
    if (jobs !== this.#jobs) this.#forOthers.clear()
    this.#jobs = jobs
    for (const slot of slotsIn(folder)) {
      if (this.#slots.has(slot) || this.#forOthers.get(slot) === this.#changed(slot)) continue
      const lock = SlotLock.take(folder, slot)
      if (lock !== undefined) this.#adopt(lock, taken)
    }
    for (const [slot, { store }] of this.#slots) {
      if (slot === slotOf(process)) continue
      if (store.empty) this.#letGo(slot)
      // Before it is known what this process can run, it is for this one.
      else if (jobs.known.length > 0 && !store.loose.isFor(jobs)) {
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

  #adopt(lock: SlotLock, taken: (slot: number) => void): void {
    const { slot } = lock
    try {
      taken(slot)
      this.#open(slot, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  }

  #open(slot: number, lock?: SlotLock): Slot {
    const { process, sync, sealIds } = this.#options
    const adopted = lock !== undefined
    const database = openDatabase(this.#pathOf(slot), sync, this.#tell, !adopted)
    const store = new Store(database, { place: 'slot', process, sync, adopted, sealIds })
    store.loose.resetClock()
    const opened: Slot = { store, database, ...(lock && { lock }) }
    this.#slots.set(slot, opened)
    return opened
  }

  #letGo(slot: number): void {
    const { database, lock } = this.#slots.get(slot) as Slot
    this.#slots.delete(slot)
    shut(database)
    lock?.release()
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
