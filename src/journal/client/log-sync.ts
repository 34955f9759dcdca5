import { clearTimeout, clock } from '../../clock.ts'
import { setTimer } from '../../timers.ts'
import { FileSync } from './file-sync.ts'
import type { LogFile, Segment } from './log-file.ts'
import type { StoredRecord } from './stored-record.ts'

/** The frames up to this one are on the disk. */
interface SyncPoint {
  readonly sequence: number
  readonly frame: number
}

/** The part of the log that was written and is not synced yet. */
interface Unsynced {
  records: StoredRecord[]
  /** The entries of changes: should the sync fail, they are written once more. */
  changes: string[]
  /** The functions that wait for the records, which may be lost until then. */
  waiting: (() => void)[]
  /** The moment by `performance.now()` from which on the first record waits. */
  since: number
}

/** The end of a sync, and of what waited for it. */
export interface EndedSync extends Unsynced {
  readonly point: SyncPoint
  /** Tells the file that the sync has succeeded. */
  readonly covered: () => void
}

interface LogSyncOptions {
  readonly file: LogFile
  /** The time in ms for which records wait for a sync. */
  readonly longest: number
  /** Asks the journal's thread to sync the file. */
  ask(number: number): void
}

/** The listener of the sync of a log. */
interface SyncListener {
  /** Records have waited for too long. */
  late(): void
  /** A sync has ended: `succeeded` or `failed` tells what waited for it. */
  synced(error: string | undefined): void
}

/**
 * The sync of a log has its file synced: one sync for all records that were written since the one before. After a
 * power cut, any of the frames that were not synced may be lost. So what must not be there without a record waits for the record's sync.
 */
export class LogSync {
  readonly #options: LogSyncOptions
  #syncing: EndedSync | undefined
  #next = empty()
  #timer: NodeJS.Timeout | undefined
  #listener: SyncListener | undefined
  readonly #file: FileSync
  #isStuck = false

  constructor(options: LogSyncOptions) {
    this.#options = options
    const { file, ask } = options
    this.#file = new FileSync({ file, ask, synced: (error) => this.#listener?.synced(error) })
  }

  listen(listener: SyncListener): void {
    this.#listener = listener
  }

  /** The time in ms for which records wait. */
  get longest(): number {
    return this.#options.longest
  }

  /** The time in ms for which the oldest record has waited. */
  get lag(): number {
    const waiting = [this.#syncing, this.#next].find((part) => part !== undefined && part.records.length > 0)
    return waiting === undefined ? 0 : clock.now() - waiting.since
  }

  get isUnderWay(): boolean {
    return this.#syncing !== undefined
  }

  /** The sync that is under way takes too long: no record should wait for the next one. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** Adds records and changes that are written. */
  add(records: readonly StoredRecord[], changes: readonly string[]): void {
    const next = this.#next
    if (next.records.length === 0) next.since = clock.now()
    for (const record of records) next.records.push(record)
    next.changes.push(...changes)
    this.#begin()
  }

  /** Calls `fn` when all records that were written are synced, or can't be: at once where none waits. */
  after(fn: () => void): void {
    if (this.#next.records.length > 0) this.#next.waiting.push(fn)
    else if (this.#syncing !== undefined) this.#syncing.waiting.push(fn)
    else fn()
  }

  /** A sync has succeeded. @returns what waited for it; `undefined` where there was none */
  succeeded(): EndedSync | undefined {
    const ended = this.#end()
    ended?.covered()
    this.#begin()
    return ended
  }

  /**
   * A sync has failed. What was written while it was under way may be lost as well, and a later sync would not tell.
   * @returns all that waited
   */
  failed(): Omit<Unsynced, 'since'> {
    const { records = [], changes = [], waiting = [] } = this.#end() ?? {}
    const next = this.#next
    this.#next = empty()
    return {
      records: [...records, ...next.records],
      changes: [...changes, ...next.changes],
      waiting: [...waiting, ...next.waiting],
    }
  }

  /** Takes the records that wait; a sync that is under way goes on. */
  takeRecords(): StoredRecord[] {
    const records = [...(this.#syncing?.records ?? []), ...this.#next.records]
    for (const each of [this.#syncing, this.#next]) if (each !== undefined) each.records = []
    return records
  }

  /** The journal's thread has synced the file, or could not. */
  answered(number: number, error: string | undefined): void {
    this.#file.ended(number, error)
  }

  #begin(): void {
    if (this.isUnderWay || this.#next.records.length === 0) return
    const { file, longest } = this.#options
    const { sequence, frame } = file.current as Segment
    this.#syncing = { ...this.#next, point: { sequence, frame: frame - 1 }, covered: file.beginSync() }
    this.#next = empty()
    const left = this.#syncing.since + longest - clock.now()
    this.#timer = setTimer(this.#onLate, left)
    this.#file.begin()
  }

  #end(): EndedSync | undefined {
    const ended = this.#syncing
    clearTimeout(this.#timer)
    this.#syncing = undefined
    this.#isStuck = false
    // No sync follows where all records were taken.
    if (ended !== undefined && this.#next.records.length === 0) {
      ended.waiting.push(...this.#next.waiting)
      this.#next.waiting = []
    }
    return ended
  }

  readonly #onLate = (): void => {
    this.#isStuck = true
    this.#listener?.late()
  }
}

const empty = (): Unsynced => ({ records: [], changes: [], waiting: [], since: 0 })
