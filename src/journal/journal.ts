import type { JournalOwner } from '../record.ts'
import { Contents } from './contents.ts'
import type { Sync } from './database.ts'
import type { Group, Place } from './group.ts'
import { KeptJournal, type KeptJournalOptions } from './kept-journal.ts'
import { ThreadLink } from './link.ts'
import { SlotLock } from './lock.ts'
import { Pipeline } from './pipeline.ts'
import { type OwnSlot, openSlot } from './slot.ts'

export interface FolderJournalOptions extends KeptJournalOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
}

/** Keeps records in a folder, in files of its own, by a thread of its own. */
export class FolderJournal extends KeptJournal {
  readonly #folder: string
  readonly #slot: OwnSlot
  /** The locks of the slots of dead processes that were taken over. */
  readonly #taken = new Map<number, SlotLock>()
  readonly #pipelines: Readonly<Record<Place, Pipeline>>

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
  constructor(options: FolderJournalOptions, owner: JournalOwner) {
    const { path: folder, sync, retention } = options
    const slot = openSlot(folder)
    const { process } = slot
    const contents = new Contents(options)
    const { sealIds } = contents
    super(process, (on) => new ThreadLink({ folder, process, sync, retention, sealIds }, on), contents, owner)
    this.#folder = folder
    this.#slot = slot
    const post = (group: Group) => this.post(group)
    this.#pipelines = { slot: new Pipeline('slot', post), shared: new Pipeline('shared', post) }
  }

  override async close(): Promise<void> {
    await super.close()
    for (const slot of this.locked) this.unlock(slot)
    this.#slot.lock.release()
  }

  // Held here, and not in the keeper's thread: should that die, another process must not run what this one runs.
  protected override lock(slot: number): void {
    const lock = this.#taken.get(slot) ?? SlotLock.take(this.#folder, slot)
    if (lock === undefined) return
    this.#taken.set(slot, lock)
    this.post({ type: 'locked', slots: [slot] })
  }

  protected override unlock(slot: number): void {
    this.#taken.get(slot)?.release()
    this.#taken.delete(slot)
  }

  protected override get locked(): number[] {
    return [...this.#taken.keys()]
  }

  protected override pipeline(place: Place): Pipeline {
    return this.#pipelines[place]
  }
}
