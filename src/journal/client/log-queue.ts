import { clearTimeout, clock, setImmediate, setTimeout } from '../../clock.ts'
import { acceptEntry, entry, type RecordRow } from '../files/log-format.ts'
import { transition } from '../protocol.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { LogChanges } from './log-changes.ts'
import type { LogFile, Segment } from './log-file.ts'
import { LogMoves } from './log-moves.ts'
import type { LogSync } from './log-sync.ts'
import { openLogs } from './open-logs.ts'
import type { Recorded, RecordQueue } from './record-queue.ts'
import { Refusals } from './refusals.ts'
import type { StoredRecord } from './stored-record.ts'
import type { WriteListener, WriteQueue } from './write-queue.ts'

/** The time in ms for which changes of records wait for a record to ride along with: at a kill, jobs that ended in it run again. */
const changeDelay = 5
/** The delay in ms after which entries that could not be written are tried again. */
const retryDelay = 100

interface LogQueueOptions {
  readonly file: LogFile
  /** The queue of the database of this process, for records that leave the log. */
  readonly database: WriteQueue
  /** `undefined` where records need not outlive the machine. */
  readonly sync: LogSync | undefined
}

/**
 * The log queue accepts records by one write for each turn of the event loop, in the thread of the requests. Most records end in the log,
 * too; others are moved to a database: those that are forwarded, that failed, or that live for long.
 */
export class LogQueue implements RecordQueue, WriteListener {
  readonly #file: LogFile
  readonly #database: WriteQueue
  readonly #sync: LogSync | undefined
  readonly #moves: LogMoves
  readonly #changes: LogChanges
  /** The entries of records to accept, which have their space in the log, and the records. */
  readonly #frame = new FrameBuffer()
  #accepting: StoredRecord[] = []
  readonly #refusals = new Refusals()
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  /** The reason why the queue accepts no record any more. */
  #closed: string | undefined

  constructor({ file, database, sync }: LogQueueOptions) {
    this.#file = file
    this.#database = database
    this.#sync = sync
    this.#moves = new LogMoves(file, database)
    this.#changes = new LogChanges(sync)
    sync?.listen({
      late: () => this.#refuseWaiting(`the log was not synced in ${sync.longest} ms`),
      synced: (error) => this.#synced(error),
    })
    openLogs.add(this.#end)
  }

  accept(record: StoredRecord, row: RecordRow): void {
    const why = this.#closed ?? (this.#sync?.isStuck ? 'the journal does not answer' : undefined)
    if (why !== undefined) return record.refused(this.#refusals.add(why))
    const text = acceptEntry(row)
    const args = row[3]
    try {
      if (!this.#file.fits(this.#frame.sizeWith(text, args))) this.#makeRoom(text, args)
    } catch (error) {
      return record.refused(this.#refusals.add(String(error)))
    }
    const segment = this.#file.current as Segment
    record.segment = segment
    record.offset = segment.offset + segment.used
    segment.records.add(record)
    this.#frame.add(text, args)
    this.#accepting.push(record)
    this.#flushThisTurn()
  }

  done(record: Recorded): void {
    this.#changes.done(record.recordId)
    ;(record as StoredRecord).leaveSegment()
    this.#flushLater()
  }

  change(record: Recorded, kind: number, first: string | number = 0, second: string | number = 0): void {
    const stored = record as StoredRecord
    const { recordId } = record
    const now = clock.date()
    if (kind === transition.options) {
      this.#changes.addReady(JSON.stringify([entry.options, recordId, first]))
      return this.#flushThisTurn()
    }
    if (kind !== transition.handBack) {
      const kindOf = kind === transition.failed ? entry.failed : entry.retry
      this.#changes.add(JSON.stringify([kindOf, recordId, first, now, second]))
      this.#flushLater()
    }
    if (kind === transition.retry) {
      stored.retried = [first as number, now + (second as number), second as number]
      return
    }
    // The record leaves the memory of this process: from now on it is a row of the database.
    this.#moves.move(stored)
    this.#database.change(record, kind, first, second)
  }

  /** Only records of dead processes note that they run, and those are in a database. */
  async begin(): Promise<void> {}

  /** The time in ms for which the oldest entry has waited. */
  get lag(): number {
    return Math.max(this.#file.lag, this.#sync?.lag ?? 0)
  }

  /** Has the next segment written ahead. */
  prepared(isWritten: boolean): void {
    this.#file.prepared(isWritten)
  }

  /** The log answers for no record. */
  get isAtRest(): boolean {
    return this.#file.isEmpty
  }

  /** The journal's thread has synced the file, or could not. */
  answered(number: number, error: string | undefined): void {
    this.#sync?.answered(number, error)
  }

  #synced(error: string | undefined): void {
    if (error !== undefined) return this.#syncFailed(error)
    const ended = this.#sync?.succeeded()
    if (ended === undefined) return
    const { records, waiting, point } = ended
    this.#changes.addReady(JSON.stringify([entry.synced, point.sequence, point.frame]))
    for (const record of records) record.stored()
    this.#forward(records)
    for (const fn of waiting) fn()
    this.#flushLater()
  }

  #syncFailed(error: string): void {
    if (this.#sync === undefined) return
    // Records of this turn have their space in the segment that is given up: they are refused like those that were written before.
    this.flush()
    const { records, changes, waiting } = this.#sync.failed()
    for (const record of records) this.#refuse(record, error)
    this.#file.syncFailed()
    this.#changes.again(changes)
    for (const fn of waiting) fn()
    this.flush()
  }

  /** Refuses the records that wait for a sync. */
  #refuseWaiting(why: string): void {
    for (const record of this.#sync?.takeRecords() ?? []) this.#refuse(record, why)
    this.flush()
  }

  /** The journal's thread is a new one. */
  restart(): void {
    this.#file.prepared(false)
    this.#file.prepareNext()
  }

  /** A task may have deferred records before it ended: those go first. */
  sending(): void {
    this.flush()
  }

  /** Calls `fn` when the records that are written are where they have to be, or refused: at once, as a rule. */
  after(fn: () => void): void {
    if (this.#sync === undefined) fn()
    else this.#sync.after(fn)
  }

  /** A record is in a database: the log does not answer for it any more. */
  moved(record: StoredRecord, existing?: number): void {
    if (record.segment === undefined) return
    this.#changes.moved(record.recordId)
    record.leaveSegment()
    this.#flushLater()
    if (record.forward !== undefined) record.forwarded(existing)
    else this.#moves.moved()
  }

  /** Writes what has gathered. */
  readonly flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const accepting = this.#accepting
    this.#accepting = []
    const text = this.#changes.gather(accepting.length > 0).join('\n')
    // The entries of records have their space; those of changes may go to the next segment.
    const isOne = text === '' || this.#file.fits(this.#frame.sizeWith(text))
    if (isOne && text !== '') this.#frame.add(text)
    try {
      if (!this.#frame.isEmpty) this.#file.write(this.#frame)
    } catch (error) {
      // The frame may be there all the same. The next one takes its place.
      for (const record of accepting) this.#refuse(record, String(error))
      return this.#flushLater(retryDelay)
    }
    this.#written(accepting, isOne ? this.#changes.written() : [])
    if (!isOne) this.#writeChanges(text)
    this.#changes.letWait()
  }

  /** Accepts no further record. */
  close(why: string): void {
    this.#closed = why
    this.flush()
  }

  /** Resolves when no record waits for its sync. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.after(resolve))
  }

  /** Resolves when the changes that could be written by now are: where the disk takes no write, they are tried again. */
  written(): Promise<void> {
    return this.#changes.allWritten
  }

  /** Moves the records that are left to a database, as many as there is time for. */
  moveAll(): void {
    this.#moves.moveAll()
  }

  /** Closes the file, which goes if the log answers for no record any more. */
  end(): void {
    this.#end()
    this.#refusals.flush()
    this.#file.close(this.#file.isEmpty)
  }

  /** Writes all that is left, in whatever order. Records that wait for a sync are refused. */
  readonly #end = (): void => {
    openLogs.delete(this.#end)
    this.flush()
    this.#refuseWaiting('the process ends')
    for (const fn of this.#sync?.failed().waiting ?? []) fn()
    this.flush()
  }

  /** Writes changes to the next segment. Where there is no space for it, the changes stay in memory for a later time. */
  #writeChanges(text: string): void {
    try {
      this.#file.recycle()
      this.#file.advance(this.#frame.sizeWith(text))
      this.#frame.add(text)
      this.#file.write(this.#frame)
      this.#written([], this.#changes.written())
    } catch {
      this.#flushLater(retryDelay)
    }
  }

  #written(records: StoredRecord[], changes: readonly string[]): void {
    if (this.#sync !== undefined) return this.#sync.add(records, changes)
    for (const record of records) record.stored()
    this.#forward(records)
  }

  /** Forwards records that are accepted: one that is refused must not run elsewhere. */
  #forward(records: readonly StoredRecord[]): void {
    for (const record of records) {
      if (record.forward !== undefined && record.segment !== undefined) this.#moves.move(record, record.forward)
    }
  }

  /** Makes room for an entry, in the next segment unless the entry fits in this one after all. */
  #makeRoom(text: string, args: string): void {
    const bytes = 1 + Buffer.byteLength(text) + Buffer.byteLength(args)
    if (this.#file.fits(this.#frame.size + bytes)) return
    this.flush()
    this.#file.recycle()
    this.#file.advance(this.#frame.size + bytes)
    this.#moves.moveOld()
  }

  #refuse(record: StoredRecord, why: string): void {
    this.#changes.refused(record.recordId)
    record.leaveSegment()
    record.refused(this.#refusals.add(why))
  }

  /** Other requests add their records in the same phase of the event loop. */
  #flushThisTurn(): void {
    if (this.#flushSet) return
    this.#flushSet = true
    setImmediate(this.flush)
  }

  #flushLater(delay = changeDelay): void {
    if (!this.#flushSet) this.#timer ??= setTimeout(this.flush, delay).unref()
  }
}
