import { acceptEntry, entry, type RecordRow } from '../files/log-format.ts'
import { transition } from '../protocol.ts'
import { FrameBuffer } from './frame-buffer.ts'
import type { LogFile, Segment } from './log-file.ts'
import type { LogSync } from './log-sync.ts'
import type { Recorded, RecordQueue } from './record-queue.ts'
import { Refusals } from './refusals.ts'
import type { StoredRecord } from './stored-record.ts'
import type { WriteListener, WriteQueue } from './write-queue.ts'

/** The time in ms for which changes of records wait for a record to ride along with: at a kill, jobs that ended in it run again. */
const changeDelay = 5
/** The delay in ms after which entries that could not be written are tried again. */
const retryDelay = 100
/** The segments in which records may stay. Those of older ones are moved to the database, so that the segments can be used again. */
const mostUsed = 16
/** The most records that are moved in one transaction: others wait for it. */
const movedAtOnce = 500
/** The most records that are moved when the process ends: it has a time for that. */
const movedAtClose = 10_000

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
  readonly #sync: LogQueueOptions['sync']
  /** The entries of records to accept, which have their space in the log, and the records. */
  readonly #frame = new FrameBuffer()
  #accepting: StoredRecord[] = []
  /** The entries of other changes, in order; those of records that are done or moved are made when they are written. */
  #changes: string[] = []
  #done: number[] = []
  #moved: number[] = []
  /** The number of records that are on their way to the database of this process. */
  #moving = 0
  readonly #refusals = new Refusals()
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  /** The reason why the queue accepts no record any more. */
  #closed: string | undefined

  constructor({ file, database, sync }: LogQueueOptions) {
    this.#file = file
    this.#database = database
    this.#sync = sync
    open.add(this)
  }

  accept(record: StoredRecord, row: RecordRow): void {
    if (this.#closed !== undefined) return record.refused(this.#refusals.add(this.#closed))
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
    this.#done.push(record.recordId)
    ;(record as StoredRecord).leaveSegment()
    this.#flushLater()
  }

  change(record: Recorded, kind: number, first: string | number = 0, second: string | number = 0): void {
    const stored = record as StoredRecord
    const { recordId } = record
    const now = Date.now()
    if (kind === transition.options) {
      this.#changes.push(JSON.stringify([entry.options, recordId, first]))
      return this.#flushThisTurn()
    }
    if (kind !== transition.handBack) {
      const kindOf = kind === transition.failed ? entry.failed : entry.retry
      this.#changes.push(JSON.stringify([kindOf, recordId, first, now, second]))
      this.#flushLater()
    }
    if (kind === transition.retry) {
      stored.retried = [first as number, now + (second as number), second as number]
      return
    }
    // The record leaves the memory of this process: from now on it is a row of the database.
    this.#move(stored, this.#database)
    this.#database.change(record, kind, first, second)
  }

  /** Only records of dead processes note that they run, and those are in a database. */
  async begin(): Promise<void> {}

  /** Has the next segment written ahead. */
  prepared(isWritten: boolean): void {
    this.#file.prepared(isWritten)
  }

  /** The log answers for no record. */
  get isAtRest(): boolean {
    return this.#file.isEmpty
  }

  /** A sync is under way. */
  get syncing(): boolean {
    return this.#sync?.isUnderWay ?? false
  }

  /** The file is synced, or can't be. */
  synced(error: string | undefined): void {
    const ended = this.#sync?.end()
    if (ended === undefined) return
    if (error === undefined) this.#changes.push(JSON.stringify([entry.synced, ended.point.sequence, ended.point.frame]))
    for (const record of ended.records) {
      if (error === undefined) record.stored()
      else this.#refuse(record, error)
    }
    this.#forward(ended.records)
  }

  /** The journal's thread is a new one. */
  restart(): void {
    this.#sync?.restart()
    this.#file.prepared(false)
    this.#file.prepareNext()
  }

  /** A task may have deferred records before it ended: those go first. */
  sending(): void {
    this.flush()
  }

  /** A record is in a database: the log does not answer for it any more. */
  moved(record: StoredRecord, existing?: number): void {
    if (record.segment === undefined) return
    this.#moved.push(record.recordId)
    record.leaveSegment()
    this.#flushLater()
    if (record.forward !== undefined) record.forwarded(existing)
    else if (--this.#moving === 0) this.#moveOld()
  }

  /** Writes what has gathered. */
  readonly flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const accepting = this.#accepting
    this.#accepting = []
    const changes = this.#takeChanges()
    const text = changes.join('\n')
    // The entries of records have their space; those of changes may go to the next segment.
    const isOne = text === '' || this.#file.fits(this.#frame.sizeWith(text))
    if (isOne && text !== '') this.#frame.add(text)
    try {
      if (!this.#frame.isEmpty) this.#file.write(this.#frame)
    } catch (error) {
      this.#changes = changes
      // The frame may be there all the same. The next one takes its place.
      for (const record of accepting) this.#refuse(record, String(error))
      return this.#retryLater()
    }
    if (!isOne) this.#writeChanges(changes, text)
    if (accepting.length > 0) this.#written(accepting)
  }

  /** Accepts no further record. */
  close(why: string): void {
    this.#closed = why
    this.flush()
  }

  /** Moves the records for which the log still answers to the database; where they are many, the rest stays for a recovery. */
  moveAll(): void {
    let room = movedAtClose
    for (const { records } of this.#file.used) {
      for (const record of records) {
        if (room-- === 0) return
        this.#move(record, record.forward ?? this.#database)
      }
    }
  }

  /** Closes the file, which goes if the log answers for no record any more. */
  end(): void {
    open.delete(this)
    this.flush()
    this.#refusals.flush()
    this.#file.close(this.#file.isEmpty)
  }

  #takeChanges(): string[] {
    const changes = this.#changes
    if (this.#done.length > 0) changes.push(JSON.stringify([entry.done, ...this.#done]))
    if (this.#moved.length > 0) changes.push(JSON.stringify([entry.moved, ...this.#moved]))
    this.#changes = []
    this.#done = []
    this.#moved = []
    return changes
  }

  /** Writes changes to the next segment. Where there is no space for it, the changes stay in memory for a later time. */
  #writeChanges(changes: string[], text: string): void {
    try {
      this.#file.recycle()
      this.#file.advance(this.#frame.sizeWith(text))
      this.#frame.add(text)
      this.#file.write(this.#frame)
    } catch {
      this.#changes = changes
      this.#retryLater()
    }
  }

  #written(records: StoredRecord[]): void {
    if (this.#sync !== undefined) return this.#sync.add(records)
    for (const record of records) record.stored()
    this.#forward(records)
  }

  /** Forwards records that are accepted: one that is refused must not run elsewhere. */
  #forward(records: readonly StoredRecord[]): void {
    for (const record of records) {
      if (record.forward !== undefined && record.segment !== undefined) this.#move(record, record.forward)
    }
  }

  /** Makes room for an entry, in the next segment unless the entry fits in this one after all. */
  #makeRoom(text: string, args: string): void {
    const bytes = 1 + Buffer.byteLength(text) + Buffer.byteLength(args)
    if (this.#file.fits(this.#frame.size + bytes)) return
    this.flush()
    this.#file.recycle()
    this.#file.advance(this.#frame.size + bytes)
    this.#moveOld()
  }

  /** Moves records of the oldest segment, page by page. */
  #moveOld(): void {
    this.#file.recycle()
    if (this.#file.used.length <= mostUsed || this.#moving > 0) return
    for (const record of this.#file.used[0]?.records ?? []) {
      this.#move(record, this.#database)
      if (this.#moving >= movedAtOnce) return
    }
  }

  /** Moves a record to a database, unless the record is on its way already. */
  #move(record: StoredRecord, queue: WriteQueue): void {
    if (record.leavesLog || record.segment === undefined) return
    record.leaveLog(queue)
    if (record.forward === undefined) this.#moving++
    queue.move(record, record.offset)
    if (record.options !== undefined) queue.change(record, transition.options, record.options)
  }

  #refuse(record: StoredRecord, why: string): void {
    this.#done.push(record.recordId)
    record.leaveSegment()
    record.refused(this.#refusals.add(why))
  }

  /** Other requests add their records in the same phase of the event loop. */
  #flushThisTurn(): void {
    if (this.#flushSet) return
    this.#flushSet = true
    setImmediate(this.flush)
  }

  #flushLater(): void {
    if (!this.#flushSet) this.#timer ??= setTimeout(this.flush, changeDelay).unref()
  }

  #retryLater(): void {
    this.#timer ??= setTimeout(this.flush, retryDelay).unref()
  }
}

/** The queues whose last entries are written when the process ends by itself. */
const open = new Set<LogQueue>()
process.on('exit', () => {
  for (const queue of open) queue.flush()
})
