import type { JournalOwner } from '../record.ts'
import { Contents } from './contents.ts'
import type { Sync } from './database.ts'
import type { Group, Place } from './group.ts'
import { KeptJournal, type KeptJournalOptions } from './kept-journal.ts'
import { ThreadLink } from './link.ts'
import { Pipeline } from './pipeline.ts'
import { type OwnSlot, openSlot } from './slot.ts'

export interface FolderJournalOptions extends KeptJournalOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
}

/** Keeps records in a folder, in files of its own, by a thread of its own. */
export class FolderJournal extends KeptJournal {
  readonly #slot: OwnSlot
  readonly #pipelines: Readonly<Record<Place, Pipeline>>

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
  constructor(options: FolderJournalOptions, owner: JournalOwner) {
    const { path: folder, sync, retention } = options
    const slot = openSlot(folder)
    const { process } = slot
    const contents = new Contents(options)
    const { sealIds } = contents
    super(process, (on) => new ThreadLink({ folder, process, sync, retention, sealIds }, on), contents, owner)
    this.#slot = slot
    const post = (group: Group) => this.post(group)
    this.#pipelines = { slot: new Pipeline('slot', post), shared: new Pipeline('shared', post) }
  }

  override async close(): Promise<void> {
    await super.close()
    this.#slot.lock.release()
  }

  protected override pipeline(place: Place): Pipeline {
    return this.#pipelines[place]
  }
}
