import type { Claimer } from '../task/record.ts'
import { ThreadChannel } from './client/channel.ts'
import { Codec } from './client/codec.ts'
import { JournalClient, type JournalClientOptions } from './client/journal-client.ts'
import { WriteQueue } from './client/write-queue.ts'
import type { Sync } from './files/database.ts'
import { ProcessLock } from './files/process-lock.ts'
import { openProcessSlot, type ProcessSlot } from './files/process-slot.ts'
import type { CommitGroup, Store } from './protocol.ts'

export interface FolderJournalOptions extends JournalClientOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
}

/** Keeps records in a folder, in files of its own, by a thread of its own. */
export class FolderJournal extends JournalClient {
  readonly #folder: string
  readonly #slot: ProcessSlot
  /** The locks of the slots of dead processes that were taken over. */
  readonly #adopted = new Map<number, ProcessLock>()
  readonly #queues: Readonly<Record<Store, WriteQueue>>

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
  constructor(options: FolderJournalOptions, owner: Claimer) {
    const { path: folder, sync, retention } = options
    const slot = openProcessSlot(folder)
    const { process } = slot
    const contents = new Codec(options)
    const { keyIds } = contents
    super(process, (on) => new ThreadChannel({ folder, process, sync, retention, keyIds }, on), contents, owner)
    this.#folder = folder
    this.#slot = slot
    const post = (group: CommitGroup) => this.post(group)
    this.#queues = { own: new WriteQueue('own', post), shared: new WriteQueue('shared', post) }
  }

  override async close(): Promise<void> {
    await super.close()
    for (const slot of this.locked) this.unlock(slot)
    this.#slot.lock.release()
  }

  // Held here, and not in the keeper's thread: should that die, another process must not run what this one runs.
  protected override lock(slot: number): void {
    const lock = this.#adopted.get(slot) ?? ProcessLock.take(this.#folder, slot)
    if (lock === undefined) return
    this.#adopted.set(slot, lock)
    this.post({ type: 'locked', slots: [slot] })
  }

  protected override unlock(slot: number): void {
    this.#adopted.get(slot)?.release()
    this.#adopted.delete(slot)
  }

  protected override get locked(): number[] {
    return [...this.#adopted.keys()]
  }

  protected override queue(store: Store): WriteQueue {
    return this.#queues[store]
  }
}
