import { join } from 'node:path'
import { openDatabase, type Report, type Sync } from '../files/database.ts'
import type { RunnableJobs } from '../protocol.ts'
import { ProcessDatabases, type SlotEvents, shut } from './process-databases.ts'
import { RecordTable } from './record-table.ts'

/** The databases of the slots whose records are this process's. */
export interface OwnDatabases {
  readonly tables: readonly RecordTable[]
  /** The table of a record; `undefined` if its slot was released: then no table has the record any more. */
  of(key: number): RecordTable | undefined
  /** Looks for slots of dead processes. @param jobs the jobs that this process runs @param onOrphaned is called with each slot, first */
  update(jobs: RunnableJobs, onOrphaned: (slot: number) => void): void
  /** Adopts a slot whose lock this process has. @param onOrphaned is called with the slot, first */
  adopt(slot: number, onOrphaned: (slot: number) => void): void
}

/** The databases in which a server stores records. */
export interface Databases {
  readonly owned: OwnDatabases
  /** The table for new records that only this process runs. */
  readonly own: RecordTable
  /** The table for records that any process may claim. */
  readonly shared: RecordTable
  close(): void
}

export interface FolderOptions {
  readonly folder: string
  /** The number of this process, in its slot. */
  readonly process: number
  readonly sync: Sync
  /** The ids of the keys by which this process decrypts. */
  readonly keyIds: readonly string[]
}

/** Opens the databases of a folder: those of slots, and the one that the processes share. */
export function openFolder(options: FolderOptions, tell: Report, events: SlotEvents): Databases {
  const { folder, process, sync, keyIds } = options
  const slots = new ProcessDatabases(options, tell, events)
  const database = openDatabase(join(folder, 'shared.db'), sync, tell)
  const shared = new RecordTable(database, { store: 'shared', process, sync, keyIds })
  return {
    owned: slots,
    own: slots.own,
    shared,
    close() {
      slots.close()
      shut(database)
    },
  }
}
