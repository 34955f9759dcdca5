import type { Claimer } from '../../task/record.ts'
import type { Sync } from '../files/database.ts'
import { logOf } from '../files/log-format.ts'
import { openProcessSlot } from '../files/process-slot.ts'
import { ThreadChannel } from './channel.ts'
import type { Codec } from './codec.ts'
import { JournalClient } from './journal-client.ts'
import { LogFile } from './log-file.ts'
import { LogQueue } from './log-queue.ts'
import { LogSync } from './log-sync.ts'
import { SlotLocks } from './slot-locks.ts'
import { SlotWatch } from './slot-watch.ts'
import { WriteQueue } from './write-queue.ts'

/** A client with the slot that it has in a folder. */
export interface SlotClient {
  readonly number: number
  /** The path of the lock. */
  readonly path: string
  readonly client: JournalClient
  readonly watch: SlotWatch
}

interface SlotClientOptions {
  readonly folder: string
  readonly sync: Sync
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
  /** The most failed records that stay listed, in each database. */
  readonly maxFailed: number
  /** The time in ms for which records wait for their sync. */
  readonly holdTimeout: number
  readonly codec: Codec
  /** Moves the records of a slot that was left from its log to the databases. */
  readonly recover: (slot: number) => void
  /** The slots that this process has lost. */
  readonly lost: ReadonlySet<number>
}

/**
 * Takes a slot, and puts its client together.
 * @param look is called when the slot may be lost
 * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`
 */
export function openSlotClient(options: SlotClientOptions, claimer: Claimer, look: () => void): SlotClient {
  const { folder, sync, retention, maxFailed, holdTimeout, codec, recover, lost } = options
  const { lock, process } = openProcessSlot(folder, recover, lost)
  const channel = new ThreadChannel({
    folder,
    process,
    sync,
    retention,
    maxFailed,
    lost: [...lost],
    keyIds: codec.keyIds,
  })
  const queues = { own: new WriteQueue('own', channel), shared: new WriteQueue('shared', channel) }
  const prepare = (offset: number, bytes: number) => channel.post({ type: 'prepare', offset, bytes })
  const file = new LogFile(logOf(folder, lock.slot), sync === 'full', prepare)
  const ask = (number: number) => channel.post({ type: 'sync', number })
  const log = new LogQueue({
    file,
    database: queues.own,
    sync: sync === 'full' ? new LogSync({ file, longest: holdTimeout, ask }) : undefined,
  })
  for (const queue of Object.values(queues)) queue.listen(log)
  const locks = new SlotLocks(folder, lock)
  const client = new JournalClient({ process, channel, queues, accepting: log, log, codec, locks }, claimer)
  const isAtRest = () => client.isAtRest && locks.adopted.length === 0
  const dropped = () => channel.post({ type: 'look' })
  const watch = new SlotWatch({ path: lock.path, locks, log: file, isAtRest, dropped, look })
  return { number: lock.slot, path: lock.path, client, watch }
}
