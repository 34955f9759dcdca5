import type { RecordRow } from '../files/log-format.ts'
import type { Store } from '../protocol.ts'
import type { StoredRecord } from './stored-record.ts'

/** A change queue stores the changes of a record's state: in the log, or in a database. */
export interface ChangeQueue {
  /** The database; `undefined` for the log. */
  readonly store?: Store
  /** Stores that a record is done or cancelled. */
  done(record: Recorded): void
  /** Stores a transition. @param kind one of `transition` in `protocol.ts`, with its two values */
  change(record: Recorded, kind: number, first?: string | number, second?: string | number): void
  /** Resolves when the note that a record runs is stored. */
  begin(record: Recorded): Promise<void>
}

/** A record queue accepts new records as well. */
export interface RecordQueue extends ChangeQueue {
  /** Stores a record. Calls the record's `stored` or `refused`, also at once. */
  accept(record: StoredRecord, row: RecordRow): void
}

/** A record, or what is known of one that this process does not run. */
export interface Recorded {
  readonly recordId: number
}
