import type { Claimer, Journal } from '../task/record.ts'
import { ThreadChannel } from './client/channel.ts'
import { Codec, type CodecOptions } from './client/codec.ts'
import { JournalClient } from './client/journal-client.ts'
import { SlotLocks } from './client/slot-locks.ts'
import { WriteQueue } from './client/write-queue.ts'
import type { Sync } from './files/database.ts'
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
  const { path: folder, sync, retention } = options
  const { lock, process } = openProcessSlot(folder)
  const codec = new Codec(options)
  const channel = new ThreadChannel({ folder, process, sync, retention, keyIds: codec.keyIds })
  const queues = { own: new WriteQueue('own', channel), shared: new WriteQueue('shared', channel) }
  return new JournalClient({ process, channel, queues, codec, locks: new SlotLocks(folder, lock) }, claimer)
}
