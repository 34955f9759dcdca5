import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { DamageCheck, moveIfDamaged } from '../files/damage-check.ts'
import { openUnmoved, type Report, reportDamagedWal, type Sync } from '../files/database.ts'
import { makeFile } from '../files/folder.ts'
import { pause } from '../files/pause.ts'
import { lockMended } from '../files/process-lock.ts'
import { isBusy, isDamage, unread } from '../files/sqlite-errors.ts'

/** The time in ms for which a process waits for the others to close a damaged database: they look about once a second. */
const longestWait = 10_000
/** The time in ms between looks meanwhile. */
const betweenLooks = 20

/**
 * The file of the database that all processes of a folder share. Each process that has it open holds a read lock of `shared.lock`. A process
 * that finds it damaged marks it as such and closes it, and so do the others when they see the mark. The first one that can lock it alone
 * moves it aside: no process has it open then.
 */
export class SharedFile {
  readonly path: string
  readonly #lockPath: string
  readonly #mark: string
  readonly #check: DamageCheck
  readonly #sync: Sync
  readonly #tell: Report
  #lock: DatabaseSync | undefined

  constructor(folder: string, sync: Sync, tell: Report) {
    this.path = join(folder, 'shared.db')
    this.#lockPath = join(folder, 'shared.lock')
    this.#mark = `${this.path}.damaged`
    this.#check = new DamageCheck(this.path)
    this.#sync = sync
    this.#tell = tell
  }

  /** The paths of the files whose locks tell other processes that the database is in use. */
  get locked(): readonly string[] {
    return [this.path, this.#lockPath]
  }

  /** Another process has found the database damaged, and waits for this one to close it. */
  get isMarked(): boolean {
    return existsSync(this.#mark)
  }

  /** Opens the database, a new one where the old one is damaged. Throws where another process does not close a damaged one. */
  open(): DatabaseSync {
    const until = clock.now() + longestWait
    for (let cause: unknown; ; pause(betweenLooks)) {
      this.#hold()
      try {
        if (!this.isMarked) {
          reportDamagedWal(this.path, this.#tell)
          return openUnmoved(this.path, this.#sync)
        }
      } catch (error) {
        // Several processes make a new database at once, or one of them writes for long.
        if (isBusy(error) && clock.now() < until) {
          this.close()
          continue
        }
        cause = error
        this.#markIfDamaged(error)
      }
      this.close()
      this.#moveIfAlone(cause)
      if (clock.now() > until)
        throw unread(`"${this.path}" can't be read, or is damaged, and another process has it open`, cause)
    }
  }

  /** The database, which is open, is damaged. Another process may have been writing: that shows when none has it open. */
  get isDamaged(): boolean {
    return this.#check.isDamaged
  }

  /** The database, which is closed, is damaged. */
  damaged(): void {
    writeFileSync(this.#mark, '', { mode: 0o600 })
    this.close()
  }

  /** Marks the database if it is damaged, as an error says. Throws other errors, and those of reads: a file that can't be read is no damaged one. */
  #markIfDamaged(error: unknown): void {
    try {
      if (!isDamage(error)) throw error
      if (this.isDamaged) writeFileSync(this.#mark, '', { mode: 0o600 })
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Lets the file go: the database is closed. */
  close(): void {
    this.#check.close()
    this.#lock?.close()
    this.#lock = undefined
  }

  #hold(): void {
    const lock = this.#openLock()
    try {
      lock.exec('PRAGMA busy_timeout = 5000')
      lockMended(this.#lockPath, () => void lock.prepare('SELECT count(*) FROM sqlite_schema').get())
      // The lock that a statement takes lasts as long as its transaction.
      lock.exec('BEGIN')
      lock.prepare('SELECT count(*) FROM sqlite_schema').get()
      this.#lock = lock
    } catch (error) {
      lock.close()
      throw error
    }
  }

  #moveIfAlone(cause: unknown): void {
    const lock = this.#openLock()
    try {
      lock.exec('PRAGMA busy_timeout = 0')
      lockMended(this.#lockPath, () => lock.exec('BEGIN EXCLUSIVE'))
      try {
        if (!this.isMarked || !existsSync(this.path)) return
        const aside = moveIfDamaged(this.path)
        if (aside !== undefined) this.#tell('AFTERWORD_JOURNAL_DAMAGED', [this.path, aside], cause)
      } finally {
        rmSync(this.#mark, { force: true })
      }
    } catch (error) {
      if (!isBusy(error)) throw error
    } finally {
      lock.close()
    }
  }

  #openLock(): DatabaseSync {
    makeFile(this.#lockPath)
    return new DatabaseSync(this.#lockPath)
  }
}
