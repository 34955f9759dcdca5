import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { moveAside, openDatabase, type Report } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { slotOf } from '../files/record-id.ts'
import type { FolderServerOptions } from '../protocol.ts'
import { type OwnDatabases, ProcessDatabases, type SlotEvents, shut } from './process-databases.ts'
import { RecordTable } from './record-table.ts'
import { ServerLog } from './server-log.ts'

/** The databases in which a server stores records. */
export interface Databases {
  readonly owned: OwnDatabases
  /** The table for new records that only this process runs. */
  readonly own: RecordTable
  /** The table for records that any process may claim. */
  readonly shared: RecordTable
  /** The log of this process; `undefined` where an app's own database takes its place. */
  readonly log?: Pick<ServerLog, 'receive' | 'read' | 'close'>
  /** The tables of all databases. */
  readonly tables: readonly RecordTable[]
  /** The file to which other processes write; `undefined` for none. */
  readonly sharedFile: string | undefined
  /** A table turns out to be damaged: its database is moved aside and reported, and a new one begun. @returns false where it stays */
  setAside(table: RecordTable, error: unknown): boolean
  /** @param until by `performance.now()`: free pages are given back until then */
  close(until: number): void
}

/** Opens the databases of a folder: those of slots, and the one that the processes share. */
export function openFolder(options: FolderServerOptions, tell: Report, events: SlotEvents): Databases {
  return new FolderDatabases(options, tell, events)
}

class FolderDatabases implements Databases {
  readonly owned: ProcessDatabases
  readonly sharedFile: string
  readonly log: ServerLog
  readonly #options: FolderServerOptions
  readonly #tell: Report
  #database: DatabaseSync
  #shared: RecordTable

  constructor(options: FolderServerOptions, tell: Report, events: SlotEvents) {
    this.#options = options
    this.#tell = tell
    this.owned = new ProcessDatabases(options, () => this.#shared, tell, events)
    this.log = new ServerLog(logOf(options.folder, slotOf(options.process)), options.sync)
    this.sharedFile = join(options.folder, 'shared.db')
    this.#database = openDatabase(this.sharedFile, options.sync, tell)
    this.#shared = this.#tableOf(this.#database)
  }

  get own(): RecordTable {
    return this.owned.own
  }

  get shared(): RecordTable {
    return this.#shared
  }

  get tables(): RecordTable[] {
    return [...this.owned.tables, this.#shared]
  }

  setAside(table: RecordTable, error: unknown): boolean {
    if (table !== this.#shared) return this.owned.setAside(table, error)
    this.#database.close()
    this.#tell('AFTERWORD_JOURNAL_DAMAGED', [this.sharedFile, moveAside(this.sharedFile)], error)
    this.#database = openDatabase(this.sharedFile, this.#options.sync, this.#tell)
    this.#shared = this.#tableOf(this.#database)
    return true
  }

  close(until: number): void {
    this.log.close()
    this.owned.close(until)
    shut(this.#database, until)
  }

  #tableOf(database: DatabaseSync): RecordTable {
    const { process, sync, keyIds } = this.#options
    const table = new RecordTable(database, { store: 'shared', process, sync, keyIds })
    table.neverWait()
    return table
  }
}
