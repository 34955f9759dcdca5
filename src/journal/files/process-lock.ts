import { accessSync, constants, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

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

  /** Takes the lock of a slot. @returns `undefined` if a living process holds it, or this one may not */
  static take(folder: string, slot: number): ProcessLock | undefined {
    const path = join(folder, `${slot}.lock`)
    const database = new DatabaseSync(path)
    try {
      // SQLite opens a file that it may not write for reading, and then every process gets the lock.
      accessSync(path, constants.W_OK)
      database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
      return new ProcessLock(slot, database)
    } catch {
      database.close()
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
