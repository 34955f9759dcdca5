import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { type Report, shut } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { OpenFiles } from '../files/open-files.ts'
import { slotsIn } from '../files/process-lock.ts'
import { slotOf, slotSize } from '../files/record-id.ts'
import type { FolderServerOptions } from '../protocol.ts'
import { LeftSlot } from './left-slot.ts'
import type { OwnDatabases } from './own-databases.ts'
import { ProcessDatabases, type SlotEvents } from './process-databases.ts'
import { RecordTable } from './record-table.ts'
import { ServerLog } from './server-log.ts'
import { SharedFile } from './shared-file.ts'

/** The databases in which a server stores records. */
export interface Databases {
  readonly owned: OwnDatabases
  /** The table for new records that only this process runs. */
  readonly own: RecordTable
  /** The table for records that any process may claim. */
  readonly shared: RecordTable
  /** The log of this process; `undefined` where an app's own database takes its place. */
  readonly log?: Pick<ServerLog, 'receive' | 'reader' | 'close'>
  /** The tables of all databases. */
  readonly tables: readonly RecordTable[]
  /** The file to which other processes write; `undefined` for none. */
  readonly sharedFile: string | undefined
  /** A table turns out to be damaged: its database is moved aside and reported, and a new one begun. @returns false where it stays */
  setAside(table: RecordTable, error: unknown): boolean
  /**
   * Withdraws a record of a process that has died, whose slot no process has yet.
   * @returns whether the record was withdrawn; `undefined` where a process that lives has the slot
   */
  withdrawLeft(slot: number, recordId: number): boolean | undefined
  /** The slots of other processes that have a log: it may have records that no database has yet. */
  readonly loggedSlots: readonly number[]
  /** Moves the records from the logs of slots to the databases whose processes have died, and that no process has yet. */
  recoverLeft(): void
  /** Looks whether the files are still those of the folder. Else the thread begins anew with those that are. */
  check?(): void
  /** The slot is not this process's any more: the files stay as they are. */
  retire?(): void
  /** @param until by `performance.now()`: free pages are given back until then */
  close(until: number): void
}

/** Opens the databases of a folder: those of slots, and the one that the processes share. */
export function openFolder(options: FolderServerOptions, tell: Report, events: SlotEvents): Databases {
  return new FolderDatabases(options, tell, events)
}

class FolderDatabases implements Databases {
  readonly owned: ProcessDatabases
  readonly #file: SharedFile
  readonly #events: SlotEvents
  #watched: readonly OpenFiles[]
  #retired = false
  readonly log: ServerLog
  readonly #options: FolderServerOptions
  readonly #tell: Report
  #database: DatabaseSync
  #shared: RecordTable

  constructor(options: FolderServerOptions, tell: Report, events: SlotEvents) {
    this.#options = options
    this.#tell = tell
    this.owned = new ProcessDatabases(options, () => this.#shared, tell, events)
    this.log = new ServerLog(options.folder, slotOf(options.process), options.sync)
    this.#file = new SharedFile(options.folder, options.sync, tell)
    this.#events = events
    this.#database = this.#file.open()
    this.#shared = this.#tableOf(this.#database)
    this.#watched = this.#watch()
  }

  get sharedFile(): string {
    return this.#file.path
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
    if (!this.#file.isDamaged) return false
    this.#database.close()
    this.#file.damaged()
    this.#database = this.#file.open()
    this.#shared = this.#tableOf(this.#database)
    this.#watched = this.#watch()
    return true
  }

  withdrawLeft(slot: number, recordId: number): boolean | undefined {
    return this.#leftSlot(slot).withdraw(recordId)
  }

  get loggedSlots(): number[] {
    const { folder, lost = [] } = this.#options
    const isOurs = (slot: number) => this.owned.of(slot * slotSize) !== undefined || lost.includes(slot)
    return slotsIn(folder).filter((slot) => !isOurs(slot) && existsSync(logOf(folder, slot)))
  }

  recoverLeft(): void {
    // To open the lock of a slot that is this process's would drop the lock.
    for (const slot of this.loggedSlots) this.#leftSlot(slot).recover()
  }

  #leftSlot(slot: number): LeftSlot {
    const { folder, sync } = this.#options
    return new LeftSlot({ folder, slot, sync, shared: this.#shared, tell: this.#tell })
  }

  check(): void {
    // Where the lock is gone, the slot is lost: the thread of the requests takes another one. In a new folder, a lock of that name is another
    // process's: a thread that began there would store once more what other processes may run from the old files.
    if (this.#retired || this.owned.lock.isGone) return
    const lost = this.#watched.find(({ areLost }) => areLost)
    const unlocked = this.#watched.find(({ areUnlocked }) => areUnlocked)
    if (lost !== undefined) this.#tell('AFTERWORD_JOURNAL_LOST', [lost.path])
    else if (unlocked !== undefined) this.#tell('AFTERWORD_JOURNAL_UNLOCKED', [unlocked.path])
    if (lost !== undefined || unlocked !== undefined || this.#file.isMarked) this.#events.restart()
  }

  retire(): void {
    this.#retired = true
  }

  close(until: number): void {
    this.log.close()
    this.owned.close(until)
    shut(this.#database, until)
    this.#file.close()
  }

  #watch(): OpenFiles[] {
    return [this.owned.ownPath, ...this.#file.locked].map((path) => new OpenFiles(path))
  }

  #tableOf(database: DatabaseSync): RecordTable {
    const { process, sync, keyIds } = this.#options
    const table = new RecordTable(database, { store: 'shared', process, sync, keyIds })
    table.neverWait()
    return table
  }
}
