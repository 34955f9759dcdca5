import { join } from 'node:path'
import { openDatabase, type Report, type Sync } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { NewerFile } from '../files/newer-file.ts'
import { ProcessLock, slotsIn } from '../files/process-lock.ts'
import { slotOf, slotSize } from '../files/record-id.ts'
import { LogRecovery } from './log-recovery.ts'
import { RecordTable } from './record-table.ts'

interface LeftSlotOptions {
  readonly folder: string
  readonly slot: number
  readonly sync: Sync
  readonly shared: RecordTable
  readonly tell: Report
}

/** A slot that may be that of a process which has died, and that no process has adopted yet. */
export class LeftSlot {
  readonly #options: LeftSlotOptions

  constructor(options: LeftSlotOptions) {
    this.#options = options
  }

  /**
   * Withdraws a record. Throws the errors of SQLite and of the file system.
   * @returns whether the record was withdrawn; `undefined` where a process that lives has the slot
   */
  withdraw(recordId: number): boolean | undefined {
    const { folder, slot, shared } = this.#options
    if (!slotsIn(folder).includes(slot)) return false
    const isDead = (process: number) => slotOf(process) === slot
    const withdraw = (table: RecordTable) =>
      table.atomically(() => table.withdrawals.withdraw(recordId, isDead), true) === 'withdrawn'
    return this.#recovered((own) => withdraw(own) || withdraw(shared))
  }

  /**
   * Moves the records from the log to the databases, unless a process has the slot, or a newer release has left it, which waits for that
   * release. Throws the errors of SQLite and of the file system.
   */
  recover(): void {
    try {
      this.#recovered(() => {})
    } catch (error) {
      if (!(error instanceof NewerFile)) throw error
    }
  }

  /** Calls `fn` when the log is moved to the databases. @returns `undefined` where a process that lives has the slot */
  #recovered<T>(fn: (own: RecordTable) => T): T | undefined {
    const { folder, slot, sync, shared, tell } = this.#options
    const lock = ProcessLock.tryTake(folder, slot)
    if (lock === undefined) return undefined
    try {
      const database = openDatabase(join(folder, `${slot}.db`), sync, tell)
      try {
        const own = new RecordTable(database, { store: 'own', process: slot * slotSize, sync, adopted: true })
        const recovery = new LogRecovery(logOf(folder, slot), slot, own, () => shared, tell)
        while (recovery.step());
        return fn(own)
      } finally {
        database.close()
      }
    } finally {
      lock.release()
    }
  }
}
