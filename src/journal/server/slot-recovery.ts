import { join } from 'node:path'
import { openDatabase, type Report, type Sync } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { slotSize } from '../files/record-id.ts'
import { LogRecovery } from './log-recovery.ts'
import { RecordTable } from './record-table.ts'
import { SharedFile } from './shared-file.ts'

/**
 * Moves the records from the log of a slot that was left to the databases, in one go: then another process can begin on it. The lock of the
 * slot is this process's. Throws the errors of SQLite and of the file system.
 */
export function recoverSlot(folder: string, slot: number, sync: Sync, tell: Report): void {
  const file = new SharedFile(folder, sync, tell)
  const process = slot * slotSize
  const database = openDatabase(join(folder, `${slot}.db`), sync, tell)
  try {
    const own = new RecordTable(database, { store: 'own', process, sync, adopted: true })
    const sharedDatabase = file.open()
    try {
      const shared = new RecordTable(sharedDatabase, { store: 'shared', process, sync })
      const recovery = new LogRecovery(logOf(folder, slot), slot, own, () => shared, tell)
      while (recovery.step());
    } finally {
      sharedDatabase.close()
      file.close()
    }
  } finally {
    database.close()
  }
}
