import { accessSync, constants, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { FileIdentity } from './file-identity.ts'
import { FileLocks, nextDescriptor } from './file-locks.ts'
import { makeFile } from './folder.ts'
import { identityOf, isAliveElsewhere } from './process-identity.ts'
import { isBusy, isNoDatabase } from './sqlite-errors.ts'

/** The time in ms for which another process may have a lock that was dropped, before the slot counts as lost: it may only try the lock. */
const longestBusy = 500
/** The number of looks in a row at which that has to be so. */
const mostBusy = 10
const begin = 'PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE'

/**
 * The lock of a slot is an empty database, held in an exclusive transaction. The kernel drops the lock when the process dies, however it
 * dies: a process that is stopped or slow is never taken for dead. POSIX locks belong to a process, and are dropped when any handle of the
 * file is closed in it, by a copy of the folder for example. So the process looks whether it still has the lock, and takes it again; and
 * a file beside the lock tells which process has the slot, so that no other takes the slot of one that lives.
 */
export class ProcessLock {
  readonly slot: number
  readonly path: string
  #database: DatabaseSync
  #descriptor: number | undefined
  readonly #file: FileIdentity
  #locks: FileLocks | undefined
  /** The identity of this process that is noted beside the lock. */
  #identity: string | undefined
  #isHeld = true
  #busySince: number | undefined
  #busy = 0
  #released = false

  private constructor(path: string, slot: number, database: DatabaseSync, descriptor: number | undefined) {
    this.slot = slot
    this.path = path
    this.#database = database
    this.#descriptor = descriptor
    this.#file = new FileIdentity(path)
  }

  /**
   * Takes the lock of a slot. Throws where the file can't be opened and locked: it is another user's, there are too many open files.
   * @returns `undefined` if a living process holds the lock
   */
  static take(folder: string, slot: number): ProcessLock | undefined {
    const path = lockOf(folder, slot)
    makeFile(path)
    // SQLite opens a file that it may not write for reading, and then every process gets the lock.
    accessSync(path, constants.W_OK)
    const descriptor = nextDescriptor()
    const database = new DatabaseSync(path)
    try {
      lockMended(path, () => database.exec(begin))
      if (!isAliveElsewhere(ownerOf(path), path)) return new ProcessLock(path, slot, database, descriptor)
      // Its process lives, and has only lost the lock.
      database.close()
      return undefined
    } catch (error) {
      database.close()
      if (isBusy(error)) return undefined
      throw error
    }
  }

  /** Takes the lock of a slot if that can be done now. A slot whose lock can't be opened stays as it is. */
  static tryTake(folder: string, slot: number): ProcessLock | undefined {
    try {
      return ProcessLock.take(folder, slot)
    } catch {
      return undefined
    }
  }

  /** Notes that this process has the slot, for as long as it has the lock. */
  keep(): void {
    this.#locks = new FileLocks(this.path, this.#descriptor)
    this.#identity = identityOf(process.pid, this.path)
    if (this.#identity === undefined) return
    try {
      writeFileSync(ownerFile(this.path), this.#identity, { mode: 0o600 })
    } catch {
      // The disk is full. The lock alone tells it as well.
    }
  }

  /** The lock was dropped, and was taken again meanwhile by `isLost`. */
  wasDropped = false

  /** The lock is another process's now, or its file is gone: the slot is not this process's any more. */
  get isLost(): boolean {
    if (this.#file.isGone) return true
    if (this.#locks?.areDropped !== true) return false
    this.wasDropped = true
    if (this.#takeAgain()) return false
    const owner = ownerOf(this.path)
    this.#busySince ??= clock.now()
    const isOthers = owner !== undefined && owner !== this.#identity
    return isOthers || (++this.#busy >= mostBusy && clock.now() - this.#busySince > longestBusy)
  }

  #takeAgain(): boolean {
    try {
      // To SQLite the lock is still there. A process that has tried the lock may have deleted its journal.
      if (this.#isHeld) this.#database.exec('ROLLBACK')
    } catch {
      this.#database.close()
      this.#descriptor = nextDescriptor()
      this.#database = new DatabaseSync(this.path)
    }
    this.#isHeld = false
    try {
      this.#database.exec(begin)
      this.#isHeld = true
      this.#locks = new FileLocks(this.path, this.#descriptor)
      this.#busySince = undefined
      this.#busy = 0
      return true
    } catch {
      return false
    }
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    try {
      if (this.#locks !== undefined && ownerOf(this.path) === this.#identity)
        rmSync(ownerFile(this.path), { force: true })
    } catch {
      // A disk that is full or read-only keeps the file: the slot counts as this process's for as long as that lives.
    }
    this.#database.close()
  }
}

/**
 * Calls `lock`, which locks a lock file. Bytes in it are damage: to SQLite it would be no database, and no process could lock it. Throws
 * what `lock` throws.
 */
export function lockMended(path: string, lock: () => void): void {
  try {
    lock()
  } catch (error) {
    if (!isNoDatabase(error)) throw error
    // A process that has the lock keeps it: locks are of the file, not of its bytes.
    truncateSync(path)
    lock()
  }
}

/** The file that tells which process has a slot. */
const ownerFile = (lock: string) => lock.replace(/lock$/, 'owner')

function ownerOf(lock: string): string | undefined {
  try {
    return readFileSync(ownerFile(lock), 'utf8')
  } catch {
    return undefined
  }
}

/** The process that has a slot, as it has noted; `undefined` where none has. */
export function pidOf(folder: string, slot: number): number | undefined {
  const pid = Number(ownerOf(lockOf(folder, slot))?.split(' ')[0])
  return Number.isNaN(pid) ? undefined : pid
}

/** Lists the slots that some process has taken, now or before. */
export function slotsIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d+)\.lock$/.exec(name)?.[1]))
    .filter((slot) => !Number.isNaN(slot))
    .sort((a, b) => a - b)
}

/** The path of the lock of a slot. */
export const lockOf = (folder: string, slot: number) => join(folder, `${slot}.lock`)

/** The folder of the locks for an app's own database. */
export function locksOf(database: string): string {
  return `${database}-afterword`
}
