import { accessSync, constants, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './database.ts'
import { makeFile } from './folder.ts'

/**
 * The lock of a slot is an empty database, held in an exclusive transaction. The kernel drops the lock when the process dies, however
 * it dies, and only then: a process that is stopped or slow is never taken for dead. POSIX locks belong to a process, and are dropped
 * when any handle of the file is closed in it: no other code may open this file, and the handle must stay referenced.
 */
export class ProcessLock {
  readonly slot: number
  readonly #database: DatabaseSync
  #released = false

  private constructor(slot: number, database: DatabaseSync) {
    this.slot = slot
    this.#database = database
  }

  /**
   * Takes the lock of a slot. Throws where the file can't be opened and locked: it is another user's, there are too many open files.
   * @returns `undefined` if a living process holds the lock
   */
  static take(folder: string, slot: number): ProcessLock | undefined {
    const path = join(folder, `${slot}.lock`)
    makeFile(path)
    // SQLite opens a file that it may not write for reading, and then every process gets the lock.
    accessSync(path, constants.W_OK)
    const database = new DatabaseSync(path)
    try {
      database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
      return new ProcessLock(slot, database)
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

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#database.close()
  }
}

/** Lists the slots that some process has taken, now or before. */
export function slotsIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d+)\.lock$/.exec(name)?.[1]))
    .filter((slot) => !Number.isNaN(slot))
    .sort((a, b) => a - b)
}

/** The folder of the locks for an app's own database. */
export function locksOf(database: string): string {
  return `${database}-afterword`
}
