import type { RecordQueue } from './record-queue.ts'
import { Refusals } from './refusals.ts'
import type { StoredRecord } from './stored-record.ts'

/** A refusing queue accepts no record: the journal has no files. */
export class RefusingQueue implements RecordQueue {
  readonly #refusals = new Refusals()
  /** The reason. */
  why = ''

  accept(record: StoredRecord): void {
    record.refused(this.#refusals.add(this.why))
  }

  done(): void {}

  change(): void {}

  async begin(): Promise<void> {}
}
