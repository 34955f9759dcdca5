import type { StoredRecord } from './stored-record.ts'

/**
 * The records for which a segment still answers, in the order in which they were accepted. The records carry the links: nearly all of them leave
 * soon, and a Set costs more than the rest of an accept.
 */
export class SegmentRecords {
  #oldest: StoredRecord | undefined
  #newest: StoredRecord | undefined
  size = 0

  add(record: StoredRecord): void {
    this.size++
    record.older = this.#newest
    if (this.#newest === undefined) this.#oldest = record
    else this.#newest.newer = record
    this.#newest = record
  }

  /** Removes a record, which must be one of these. */
  delete(record: StoredRecord): void {
    const { older, newer } = record
    this.size--
    record.older = record.newer = undefined
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  /** The records, of which the current one may be removed meanwhile. */
  *[Symbol.iterator](): Iterator<StoredRecord> {
    for (let record = this.#oldest, newer: StoredRecord | undefined; record !== undefined; record = newer) {
      newer = record.newer
      yield record
    }
  }
}
