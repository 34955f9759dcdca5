import { transition } from '../protocol.ts'
import type { LogFile } from './log-file.ts'
import type { StoredRecord } from './stored-record.ts'
import type { WriteQueue } from './write-queue.ts'

/** The segments in which records may stay. Those of older ones are moved to the database, so that the segments can be used again. */
const mostUsed = 16
/** The most records that are moved in one transaction: others wait for it. */
const movedAtOnce = 500
/** The most records that are moved when the process ends: it has a time for that. */
const movedAtClose = 10_000

/** The moves of records from the log to a database. */
export class LogMoves {
  readonly #file: LogFile
  readonly #database: WriteQueue
  /** The number of records that are on their way to the database of this process. */
  #moving = 0

  /** @param database the queue of the database of this process */
  constructor(file: LogFile, database: WriteQueue) {
    this.#file = file
    this.#database = database
  }

  /** Moves a record, unless it is on its way already, or waits for its sync: then it may be refused. */
  move(record: StoredRecord, queue = this.#database): void {
    if (record.leavesLog || record.segment === undefined || !record.isAccepted) return
    record.leaveLog(queue)
    if (record.forward === undefined) this.#moving++
    queue.move(record, record.offset)
    if (record.options !== undefined) queue.change(record, transition.options, record.options)
  }

  /** Moves records of the oldest segment, page by page. */
  moveOld(): void {
    this.#file.recycle()
    if (this.#file.used.length <= mostUsed || this.#moving > 0) return
    for (const record of this.#file.used[0]?.records ?? []) {
      this.move(record)
      if (this.#moving >= movedAtOnce) return
    }
  }

  /** Moves the records for which the log still answers; where they are many, the rest stays for a recovery. */
  moveAll(): void {
    let room = movedAtClose
    for (const { records } of this.#file.used) {
      for (const record of records) {
        if (room-- === 0) return
        this.move(record, record.forward)
      }
    }
  }

  /** A record that was not forwarded is in the database. */
  moved(): void {
    if (--this.#moving === 0) this.moveOld()
  }
}
