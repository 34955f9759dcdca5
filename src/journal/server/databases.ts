import { join } from 'node:path'
import { openDatabase, type Report, type Sync } from '../files/database.ts'
import type { RunnableJobs } from '../protocol.ts'
import { type Locks, ProcessDatabases, shut } from './process-databases.ts'
import { RecordTable } from './record-table.ts'

/** Slots whose records are this process's, as the keeper works with them. */
export interface OwnDatabases {
  readonly tables: readonly RecordTable[]
  /** Where a record is; `undefined` if its slot was let go: then it has no such record any more. */
  of(key: number): RecordTable | undefined
  /** Looks after the slots of processes that have died. @param jobs what this process runs of them; `taken` is told of each slot, first */
  update(jobs: RunnableJobs, taken: (slot: number) => void): void
  /** Takes one over whose lock this process has. @param taken is told of it, first */
  adopt(slot: number, taken: (slot: number) => void): void
}

/** Where a keeper keeps records. */
export interface Databases {
  readonly adopted: OwnDatabases
  /** Where new records go that are this process's own. */
  readonly own: RecordTable
  /** Where records go that any process may take. */
  readonly shared: RecordTable
  close(): void
}

export interface FolderOptions {
  readonly folder: string
  /** The number of this process, in its slot. */
  readonly process: number
  readonly sync: Sync
  /** Of the keys that open what is sealed. */
  readonly keyIds: readonly string[]
}

/** A folder of slots, and a database that its processes share. */
export function openFolder(options: FolderOptions, tell: Report, locks: Locks): Databases {
  const { folder, process, sync, keyIds } = options
  const slots = new ProcessDatabases(options, tell, locks)
  const database = openDatabase(join(folder, 'shared.db'), sync, tell)
  const shared = new RecordTable(database, { store: 'shared', process, sync, keyIds })
  return {
    adopted: slots,
    own: slots.own,
    shared,
    close() {
      slots.close()
      shut(database)
    },
  }
}
