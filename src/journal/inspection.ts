import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AfterwordError } from '../errors.ts'
import { idOf, keyOf } from './key.ts'
import { SlotLock, slotsIn } from './slot.ts'

/** A record as it is listed. */
export interface ListedRecord {
  readonly id: string
  readonly job: string
  /** It waits or runs, or its process has died and nobody has taken it over; or it has failed for good. */
  readonly state: 'pending' | 'failed'
  /** The arguments as they are stored. */
  readonly args: string
  /** Milliseconds since 1970, as all dates here. */
  readonly created: number
  readonly attempt: number
  readonly runAt?: number
  readonly failedAt?: number
  /** `failed`, `timed-out` or `poison`. */
  readonly reason?: string
  readonly error?: string | null
}

export interface ListedSlot {
  readonly slot: number
  /** A living process has it. */
  readonly alive: boolean
  readonly pending: number
  readonly failed: number
  /** In bytes. */
  readonly size: number
}

/** A journal seen from outside: from another process than those that work with it. They may be alive. */
export class Inspection implements Disposable {
  readonly #folder: string
  readonly #databases = new Map<number, DatabaseSync>()

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER` */
  constructor(folder: string) {
    this.#folder = folder
    try {
      for (const slot of slotsIn(folder)) {
        const database = new DatabaseSync(join(folder, `${slot}.db`))
        database.exec('PRAGMA busy_timeout = 5000')
        this.#databases.set(slot, database)
      }
    } catch (cause) {
      throw new AfterwordError('AFTERWORD_JOURNAL_FOLDER', [folder], { cause })
    }
  }

  slots(): ListedSlot[] {
    return Array.from(this.#databases, ([slot, database]) => {
      const lock = SlotLock.take(this.#folder, slot)
      lock?.release()
      const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n)
      const size = statSync(join(this.#folder, `${slot}.db`)).size
      return { slot, alive: lock === undefined, pending: count('records'), failed: count('failed'), size }
    })
  }

  /** In the order in which they were deferred, slot by slot. */
  *records(state: 'pending' | 'failed'): Iterable<ListedRecord> {
    const sql =
      state === 'pending'
        ? 'SELECT key, job, args, created, attempt, run_at AS runAt FROM records ORDER BY key'
        : 'SELECT key, job, args, created, attempt, failed_at AS failedAt, reason, error FROM failed ORDER BY key'
    for (const [slot, database] of this.#databases) {
      for (const { key, ...row } of database.prepare(sql).iterate() as Iterable<ListedRecord & { key: number }>) {
        yield { ...row, id: idOf(slot, key), state }
      }
    }
  }

  find(id: string): ListedRecord | undefined {
    for (const state of ['failed', 'pending'] as const) {
      for (const record of this.records(state)) if (record.id === id) return record
    }
    return undefined
  }

  /** Makes a failed record pending again, its attempts forgotten. A living process takes it up within a second or so. */
  retry(id: string): boolean {
    return this.#change(id, (database, key) => {
      const moved = database
        .prepare(
          `INSERT INTO records (key, job, args, created, run_at, loose)
          SELECT key, job, args, created, ?2, 1 FROM failed WHERE key = ?1`,
        )
        .run(key, Date.now())
      database.prepare('DELETE FROM failed WHERE key = ?').run(key)
      return moved.changes > 0
    })
  }

  /** Deletes a failed record. */
  discard(id: string): boolean {
    return this.#change(
      id,
      (database, key) => database.prepare('DELETE FROM failed WHERE key = ?').run(key).changes > 0,
    )
  }

  [Symbol.dispose](): void {
    for (const database of this.#databases.values()) database.close()
  }

  #change(id: string, change: (database: DatabaseSync, key: number) => boolean): boolean {
    const { slot, key } = keyOf(id)
    const database = this.#databases.get(slot)
    if (database === undefined) return false
    database.exec('BEGIN IMMEDIATE')
    try {
      const changed = change(database, key)
      database.exec('COMMIT')
      return changed
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}
