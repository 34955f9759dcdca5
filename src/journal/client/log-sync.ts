import type { LogFile, Segment } from './log-file.ts'
import type { StoredRecord } from './stored-record.ts'

/** The frames up to this one are on the disk. */
interface SyncPoint {
  readonly sequence: number
  readonly frame: number
}

/** The sync of a log has its file synced in the journal's thread: one sync for all records that were written since the one before. */
export class LogSync {
  readonly #file: LogFile
  readonly #sync: () => void
  /** The records of the sync under way. */
  #syncing: StoredRecord[] | undefined
  #unsynced: StoredRecord[] = []
  #point: SyncPoint = { sequence: 0, frame: 0 }

  /** @param sync has the file synced; `synced` follows, once for each call */
  constructor(file: LogFile, sync: () => void) {
    this.#file = file
    this.#sync = sync
  }

  get isUnderWay(): boolean {
    return this.#syncing !== undefined
  }

  /** Adds records that are written. */
  add(records: readonly StoredRecord[]): void {
    for (const record of records) this.#unsynced.push(record)
    this.#next()
  }

  /** A sync has ended. @returns its records, and up to which frame the log is on the disk */
  end(): { readonly records: readonly StoredRecord[]; readonly point: SyncPoint } {
    const ended = { records: this.#syncing ?? [], point: this.#point }
    this.#syncing = undefined
    this.#next()
    return ended
  }

  /** The thread that syncs is a new one. */
  restart(): void {
    if (this.isUnderWay) this.#sync()
  }

  #next(): void {
    if (this.isUnderWay || this.#unsynced.length === 0) return
    this.#syncing = this.#unsynced
    this.#unsynced = []
    const { sequence, frame } = this.#file.current as Segment
    this.#point = { sequence, frame: frame - 1 }
    this.#sync()
  }
}
