import { accessSync, constants, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { recordIdIn } from '../files/folder-ids.ts'
import { logOf } from '../files/log-format.ts'
import { LogNotes } from '../files/log-notes.ts'
import { failuresOf, isDamaged, type LogContents, readLog } from '../files/log-reader.ts'
import { pause } from '../files/pause.ts'
import { locksOf, ProcessLock, pidOf, slotsIn } from '../files/process-lock.ts'
import { idOf, recordIdOf } from '../files/record-id.ts'
import { versionOf } from '../files/schema.ts'
import {
  isBusy,
  isDamage,
  isForbidden,
  isMisfit,
  isNoDatabase,
  isOutOfRange,
  isUnread,
} from '../files/sqlite-errors.ts'
import { keepDamagedWal, walOf } from '../files/wal.ts'
import { recoverSlot } from '../server/slot-recovery.ts'

/** The number of records that are read, or changed, in one transaction: no process waits long for it, and no memory is filled. */
export const pageSize = 500
/** The time in ms for which a living process may take to answer, and the interval at which its answer is looked for. */
export const longestAnswer = 10_000
export const interval = 20
/** The time in ms for which other writers are waited for. */
export const busyTimeout = 5000

/** The files of a journal, opened by another process than those that work with them. Those may be alive. */
export class JournalFiles implements Disposable {
  /** A sentence for each database that can't be read, and is left out from then on. */
  readonly unreadable: string[] = []
  /** The name of the shared database. */
  readonly shared: string
  readonly #path: string
  readonly #isFolder: boolean
  readonly #locks: string
  readonly #databases = new Map<string, DatabaseSync>()
  /** The names of the databases that can't be read. */
  readonly #leftOut = new Set<string>()

  /** @param path the folder, or the file of an app's own database @throws Error where there is no journal that can be read */
  constructor(path: string) {
    this.#path = path
    try {
      this.#isFolder = statSync(path).isDirectory()
      this.#locks = this.#isFolder ? path : locksOf(path)
      this.shared = this.#isFolder ? 'shared' : basename(path)
      this.openNew()
    } catch (error) {
      this[Symbol.dispose]()
      throw new Error(sentenceOf(path, error))
    }
    if (this.#databases.size > 0) return
    const next = "Give the folder that configure({ journal }) names, or the file of an app's own database."
    throw new Error(this.unreadable.join('\n') || `"${path}" is no journal.\n${next}`)
  }

  /** Opens the databases that are not open yet: processes may have made some meanwhile. */
  openNew(): void {
    const slots = this.#isFolder ? slotsIn(this.#path).map(String) : []
    for (const name of [...slots, this.shared]) {
      if (!this.#databases.has(name) && !this.#leftOut.has(name)) this.#open(name)
    }
  }

  /** The record id of an id, which is a UUID where an engine stands behind the journal; `NaN` where the text is none. */
  recordIdOf(id: string): number {
    return this.#isFolder && id.length === 36 ? recordIdIn(this.#path, id) : recordIdOf(id)
  }

  /** Yields the items of each database. Where a database turns out to be damaged, the rest of it is left out. */
  *each<T>(items: (database: DatabaseSync, name: string) => Iterable<T>): Generator<T> {
    for (const [name, database] of this.#databases) {
      try {
        yield* items(database, name)
      } catch (error) {
        this.#leaveOut(name, error)
      }
    }
  }

  /** Calls `fn` while no other process can take a slot, which no living process has. @returns undefined where one has it */
  inLeft<T>(slot: number, fn: () => T): T | undefined {
    if (!slotsIn(this.#locks).includes(slot)) return undefined
    const lock = ProcessLock.take(this.#locks, slot)
    if (lock === undefined) return undefined
    try {
      return fn()
    } finally {
      lock.release()
    }
  }

  /** Moves the records of a slot from its log to the databases. The lock of the slot is this process's. */
  recover(slot: number): true {
    if (!this.#isFolder || this.logSize(String(slot)) === 0) return true
    recoverSlot(this.#path, slot, 'full', (code, values) => {
      this.unreadable.push(new AfterwordError(code, values).message)
    })
    return true
  }

  /**
   * Returns when no log answers for records of a slot any more: what is changed in its database is not undone by a recovery from then on.
   * The log of a dead process is moved to the databases; a living one notes within some milliseconds what it has moved.
   * Throws an `Error` if it does not.
   */
  leaveLog(slot: number, recordIds: readonly number[] = []): void {
    if (this.logSize(String(slot)) === 0) return
    const until = clock.date() + longestAnswer
    for (;;) {
      const isLeft = this.inLeft(slot, () => this.recover(slot)) !== undefined
      if (isLeft) return this.openNew()
      const recordId = this.#firstIn(slot, recordIds)
      if (recordId === undefined) return
      if (clock.date() > until) throw new Error(notAnswering(recordId))
      pause(interval)
    }
  }

  /** The first of some records for which the log of a slot answers still. */
  #firstIn(slot: number, recordIds: readonly number[]): number | undefined {
    const log = recordIds.length === 0 ? undefined : this.log(String(slot))
    if (log === undefined) return undefined
    const failures = failuresOf(log)
    const moved = this.each((database, name) => (name === String(slot) ? [new LogNotes(database).lastMoved(slot)] : []))
    const last = Math.max(0, ...moved)
    return recordIds.find((recordId) => recordId > last && (log.pending.has(recordId) || failures.has(recordId)))
  }

  /** Moves the logs of all dead processes to the databases. */
  leaveLogs(): void {
    if (this.#isFolder) for (const slot of slotsIn(this.#path)) this.leaveLog(slot)
  }

  /** Yields the shared database. */
  *inShared<T>(items: (database: DatabaseSync) => Iterable<T>): Generator<T> {
    yield* this.each((database, name) => (name === this.shared ? items(database) : []))
  }

  /** A living process has the slot. */
  isAlive(slot: number): boolean {
    try {
      const lock = ProcessLock.take(this.#locks, slot)
      lock?.release()
      return lock === undefined
    } catch {
      // The lock is another user's, and may be held.
      return true
    }
  }

  /** The process that has noted that it has the slot; `undefined` where the system does not tell. */
  pidOf(slot: number): number | undefined {
    return pidOf(this.#locks, slot)
  }

  /** Reads the log beside the database of a slot; `undefined` where there is none. */
  log(name: string): LogContents | undefined {
    if (!this.#isFolder) return undefined
    const path = logOf(this.#path, name)
    try {
      const contents = readLog(path)
      // A process may have been writing meanwhile. Damage stays.
      return contents !== undefined && isDamaged(contents) ? readLog(path) : contents
    } catch (error) {
      if (!isUnread(error)) throw error
      const sentence = sentenceOf(path, error)
      if (!this.unreadable.includes(sentence)) this.unreadable.push(sentence)
      return undefined
    }
  }

  /** The size in bytes of the log beside the database of a slot. */
  logSize(name: string): number {
    return (this.#isFolder && statSync(logOf(this.#path, name), { throwIfNoEntry: false })?.size) || 0
  }

  [Symbol.dispose](): void {
    for (const database of this.#databases.values()) database.close()
  }

  #open(name: string): void {
    const file = this.#fileOf(name)
    try {
      // An inspection makes no file: a slot has its lock before its database. Nor does it read where it can't tell which process lives.
      accessSync(file, constants.R_OK | constants.W_OK)
      // The last one who closes a database has its WAL written back, and what can't be read of it is gone.
      const aside = this.#isFolder ? keepDamagedWal(file) : undefined
      if (aside !== undefined) this.unreadable.push(`"${walOf(file)}" is damaged: a copy of it is "${aside}".`)
      const database = new DatabaseSync(file)
      this.#databases.set(name, database)
      database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      if (versionOf(database) === undefined) this.#close(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      // A file that was given may be anything; a database in a folder of slots was one of the journal.
      if (!this.#isFolder && isNoDatabase(error)) this.#close(name)
      else this.#leaveOut(name, error)
    }
  }

  #fileOf(name: string): string {
    return this.#isFolder ? join(this.#path, `${name}.db`) : this.#path
  }

  #close(name: string): void {
    this.#databases.get(name)?.close()
    this.#databases.delete(name)
  }

  /** Leaves a database out that is damaged, forbidden, unread or locked, for good, and notes why. Throws any other error. */
  #leaveOut(name: string, error: unknown): void {
    if (![isDamage, isForbidden, isMisfit, isOutOfRange, isUnread, isBusy].some((is) => is(error))) throw error
    this.#close(name)
    this.#leftOut.add(name)
    // An app's own database is left where it is.
    const next = this.#isFolder && isDamage(error) ? ' A process that starts with this journal moves it aside.' : ''
    this.unreadable.push(`${sentenceOf(this.#fileOf(name), error)}${next}`)
  }
}

/** Says what is wrong with a file or a folder. */
function sentenceOf(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return `"${path}" does not exist.`
  if (isForbidden(error)) return `This user may not read and write "${path}", or not the folder that it is in.`
  if (isBusy(error)) return `Another process keeps "${path}" locked: its disk may not answer.`
  return `"${path}" ${isDamage(error) ? 'is damaged' : "can't be opened"}: ${message}.`
}

export function count(database: DatabaseSync, table: 'records' | 'failed'): number {
  // An index would tell the number as well, and nothing of damage in the table.
  return Number(database.prepare(`SELECT count(*) AS n FROM afterword_${table} NOT INDEXED`).get()?.n)
}

/**
 * Yields the rows of a table by their ids. Each page is read on its own: a statement that reads is in the way of those that write.
 * @param job only rows of that job
 */
export function* pages<R extends { readonly key: number }>(
  database: DatabaseSync,
  select: string,
  job?: string,
): Generator<R[]> {
  const ofJob = job === undefined ? '' : 'AND job = ?'
  const page = database.prepare(`${select} WHERE key > ? ${ofJob} ORDER BY key LIMIT ${pageSize}`)
  const more = job === undefined ? [] : [job]
  for (let last = 0; ; ) {
    const rows = page.all(last, ...more) as unknown as R[]
    const end = rows.at(-1)
    if (end === undefined) return
    last = end.key
    yield rows
    if (rows.length < pageSize) return
  }
}

/** Says that the process which has a record does not answer. */
export const notAnswering = (recordId: number) => `The process that has ${idOf(recordId)} does not answer.`
