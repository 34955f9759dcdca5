import { join } from 'node:path'
import { openDatabase, type Report } from '../files/database.ts'
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
  readonly log?: ServerLog
  close(): void
}

/** Opens the databases of a folder: those of slots, and the one that the processes share. */
export function openFolder(options: FolderServerOptions, tell: Report, events: SlotEvents): Databases {
  const { folder, process, sync, keyIds } = options
  const database = openDatabase(join(folder, 'shared.db'), sync, tell)
  const shared = new RecordTable(database, { store: 'shared', process, sync, keyIds })
  const slots = new ProcessDatabases(options, shared, tell, events)
  const log = new ServerLog(logOf(folder, slotOf(process)), sync)
  return {
    owned: slots,
    own: slots.own,
    shared,
    log,
    close() {
      log.close()
      slots.close()
      shut(database)
    },
  }
}
