import { join } from 'node:path'
import { openDatabase, type Report, type Sync } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { ProcessLock, slotsIn } from '../files/process-lock.ts'
import { slotOf, slotSize } from '../files/record-id.ts'
import { LogRecovery } from './log-recovery.ts'
import { RecordTable } from './record-table.ts'

/** A slot that may be that of a process which has died. */
interface LeftSlot {
  readonly folder: string
  readonly slot: number
  readonly sync: Sync
  readonly shared: RecordTable
  readonly tell: Report
}

/**
 * Withdraws a record of a process that has died, whose slot no process has yet: its log is read first. Throws the errors of SQLite and of the
 * file system.
 * @returns whether the record was withdrawn; `undefined` where a process that lives has the slot
 */
export function withdrawFrom(left: LeftSlot, recordId: number): boolean | undefined {
  const { folder, slot, sync, shared, tell } = left
  if (!slotsIn(folder).includes(slot)) return false
  const lock = ProcessLock.take(folder, slot)
  if (lock === undefined) return undefined
  const isDead = (process: number) => slotOf(process) === slot
  const withdraw = (table: RecordTable) =>
    table.atomically(() => table.withdrawals.withdraw(recordId, isDead), true) === 'withdrawn'
  try {
    const database = openDatabase(join(folder, `${slot}.db`), sync, tell)
    try {
      const own = new RecordTable(database, { store: 'own', process: slot * slotSize, sync, adopted: true })
      const recovery = new LogRecovery(logOf(folder, slot), slot, own, () => shared, tell)
      while (recovery.step());
      return withdraw(own) || withdraw(shared)
    } finally {
      database.close()
    }
  } finally {
    lock.release()
  }
}
