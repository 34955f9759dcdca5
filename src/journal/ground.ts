import { join } from 'node:path'
import { openDatabase, type Sync, type Tell } from './database.ts'
import type { RunnableJobs } from './group.ts'
import { type Locks, Slots, shut } from './slots.ts'
import { Store } from './store.ts'

/** Slots whose records are this process's, as the keeper works with them. */
export interface OwnedSlots {
  readonly stores: readonly Store[]
  /** Where a record is; `undefined` if its slot was let go: then it has no such record any more. */
  of(key: number): Store | undefined
  /** Looks after the slots of processes that have died. @param jobs what this process runs of them; `taken` is told of each slot, first */
  update(jobs: RunnableJobs, taken: (slot: number) => void): void
  /** Takes one over whose lock this process has. @param taken is told of it, first */
  adopt(slot: number, taken: (slot: number) => void): void
}

/** Where a keeper keeps records. */
export interface Ground {
  readonly slots: OwnedSlots
  /** Where new records go that are this process's own. */
  readonly own: Store
  /** Where records go that any process may take. */
  readonly shared: Store
  close(): void
}

export interface FolderOptions {
  readonly folder: string
  /** The number of this process, in its slot. */
  readonly process: number
  readonly sync: Sync
  /** Of the keys that open what is sealed. */
  readonly sealIds: readonly string[]
}

/** A folder of slots, and a database that its processes share. */
export function openFolder(options: FolderOptions, tell: Tell, locks: Locks): Ground {
  const { folder, process, sync, sealIds } = options
  const slots = new Slots(options, tell, locks)
  const database = openDatabase(join(folder, 'shared.db'), sync, tell)
  const shared = new Store(database, { place: 'shared', process, sync, sealIds })
  return {
    slots,
    own: slots.own,
    shared,
    close() {
      slots.close()
      shut(database)
    },
  }
}
