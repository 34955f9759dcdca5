import { resolve } from 'node:path'
import type { Claimer, Journal } from '../task/record.ts'
import { ThreadChannel } from './client/channel.ts'
import { Codec, type CodecOptions } from './client/codec.ts'
import { JournalClient } from './client/journal-client.ts'
import { LogFile } from './client/log-file.ts'
import { LogQueue } from './client/log-queue.ts'
import { LogSync } from './client/log-sync.ts'
import { SlotLocks } from './client/slot-locks.ts'
import { WriteQueue } from './client/write-queue.ts'
import type { Sync } from './files/database.ts'
import { logOf } from './files/log-format.ts'
import { openProcessSlot } from './files/process-slot.ts'

export interface FolderJournalOptions extends CodecOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
}

/**
 * Opens a journal in a folder, in files of its own, whose server has a thread of its own.
 * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`
 */
export function openFolderJournal(options: FolderJournalOptions, claimer: Claimer): Journal {
  const { sync, retention } = options
  // The app may change its directory later.
  const folder = resolve(options.path)
  const { lock, process } = openProcessSlot(folder)
  const codec = new Codec(options)
  const channel = new ThreadChannel({ folder, process, sync, retention, keyIds: codec.keyIds })
  const queues = { own: new WriteQueue('own', channel), shared: new WriteQueue('shared', channel) }
  const prepare = (offset: number, bytes: number) => channel.post({ type: 'prepare', offset, bytes })
  const file = new LogFile(logOf(folder, lock.slot), sync === 'full', prepare)
  const syncLog = () => {
    // The process stays until the log is synced.
    channel.busy = true
    channel.post({ type: 'sync' })
  }
  const log = new LogQueue({
    file,
    database: queues.own,
    sync: sync === 'full' ? new LogSync(file, syncLog) : undefined,
  })
  for (const queue of Object.values(queues)) queue.listen(log)
  const locks = new SlotLocks(folder, lock)
  return new JournalClient({ process, channel, queues, accepting: log, log, codec, locks }, claimer)
}
