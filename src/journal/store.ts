import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { HandedOut } from './group.ts'
import { openDatabase, type SlotLock, type Sync, setSync } from './slot.ts'

/** After so many crashes while it ran, a record is not run again. */
const mostCrashes = 3

/** The records of one slot, in the journal's thread. */
export class Store {
  readonly slot: number
  /** Of a slot that was taken over; the own one's is held by the thread of the requests. */
  readonly lock: SlotLock | undefined
  readonly #database: DatabaseSync
  readonly #sync: Sync
  #syncs: Sync
  readonly #accept: StatementSync
  readonly #done: StatementSync
  readonly #failed: StatementSync
  readonly #retry: StatementSync
  readonly #back: StatementSync
  readonly #begin: StatementSync

  constructor(folder: string, slot: number, sync: Sync, lock?: SlotLock) {
    this.slot = slot
    this.lock = lock
    this.#sync = this.#syncs = sync
    const database = (this.#database = openDatabase(folder, slot, sync))
    this.#accept = database.prepare(
      'INSERT INTO records (key, job, args, created, run_at, loose) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#done = database.prepare('DELETE FROM records WHERE key = ?')
    this.#failed = database.prepare(`
      INSERT OR REPLACE INTO failed (key, job, args, created, attempt, reason, error, failed_at)
      SELECT key, job, args, created, ?2, ?3, ?4, ?5 FROM records WHERE key = ?1`)
    this.#retry = database.prepare('UPDATE records SET attempt = ?2, run_at = ?3, crashes = 0 WHERE key = ?1')
    this.#back = database.prepare('UPDATE records SET crashes = max(0, crashes - ?2), loose = 1 WHERE key = ?1')
    this.#begin = database.prepare('UPDATE records SET crashes = crashes + 1 WHERE key = ?')
  }

  /** @param durable the transaction has records that somebody waits for: only these have to be synced */
  begin(durable: boolean): void {
    const sync = durable ? this.#sync : 'normal'
    // Not possible within a transaction.
    if (sync !== this.#syncs) setSync(this.#database, (this.#syncs = sync))
    this.#database.exec('BEGIN IMMEDIATE')
  }

  commit(): void {
    this.#database.exec('COMMIT')
  }

  rollback(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
  }

  accept(key: number, job: string, args: string, created: number, runAt: number, loose: number): void {
    this.#accept.run(key, job, args, created, runAt, loose)
  }

  /** Forgets what failed before then. */
  forget(before: number): void {
    this.#database.prepare('DELETE FROM failed WHERE failed_at < ?').run(before)
  }

  done(key: number): void {
    this.#done.run(key)
  }

  failed(key: number, attempt: number, reason: string, error: string | null): void {
    this.#failed.run(key, attempt, reason, error, Date.now())
    this.#done.run(key)
  }

  retry(key: number, attempt: number, runAt: number): void {
    this.#retry.run(key, attempt, runAt)
  }

  back(key: number, begun: number): void {
    this.#back.run(key, begun)
  }

  beginRun(key: number): void {
    this.#begin.run(key)
  }

  /** What an earlier owner left is in nobody's memory. */
  loosen(): void {
    this.#database.exec('UPDATE records SET loose = 1 WHERE loose = 0')
  }

  /**
   * Records to run. What may have ended a process before is handed out alone, behind all others: so that the next time tells which
   * one it was.
   */
  handOut(jobs: readonly string[], most: number): HandedOut[] {
    const suspect = this.#first(jobs)
    if (suspect === undefined) return []
    const rows = this.#database
      .prepare(
        `UPDATE records SET loose = 0 WHERE key IN (
          SELECT key FROM records
          WHERE loose = 1 AND crashes = ?1 AND run_at <= ?4 AND job IN (SELECT value FROM json_each(?2))
          ORDER BY run_at, key LIMIT ?3
        ) RETURNING key, job, args, attempt, crashes, run_at AS runAt`,
      )
      .all(suspect, JSON.stringify(jobs), suspect > 0 ? 1 : most, Date.now()) as unknown as Omit<HandedOut, 'slot'>[]
    return rows.sort((a, b) => a.key - b.key).map((row) => ({ ...row, slot: this.slot }))
  }

  /** The least number of crashes of a record that is loose. */
  #first(jobs: readonly string[]): number | undefined {
    const row = this.#database
      .prepare(
        `SELECT crashes FROM records WHERE loose = 1 AND run_at <= ?2 AND job IN (SELECT value FROM json_each(?1))
        ORDER BY crashes LIMIT 1`,
      )
      .get(JSON.stringify(jobs), Date.now()) as { crashes: number } | undefined
    return row?.crashes
  }

  /** Moves what has crashed too many processes to the failed ones; their jobs and keys. */
  quarantine(): { key: number; job: string }[] {
    const rows = this.#database
      .prepare('SELECT key, job, attempt, crashes FROM records WHERE loose = 1 AND crashes >= ?')
      .all(mostCrashes) as unknown as { key: number; job: string; attempt: number; crashes: number }[]
    for (const { key, attempt, crashes } of rows) {
      this.failed(key, attempt, 'poison', `It was running in ${crashes} processes when they ended.`)
    }
    return rows
  }

  /** When the next record is due that is in nobody's memory, by `Date.now()`. */
  get nextRun(): number | undefined {
    const row = this.#database
      .prepare('SELECT min(run_at) AS next FROM records WHERE loose = 1 AND run_at > ?')
      .get(Date.now())
    return (row as { next: number | null }).next ?? undefined
  }

  /** There is something to hand out. */
  get loose(): boolean {
    return (
      this.#database.prepare('SELECT 1 FROM records WHERE loose = 1 AND run_at <= ? LIMIT 1').get(Date.now()) !==
      undefined
    )
  }

  get empty(): boolean {
    return this.#database.prepare('SELECT 1 FROM records LIMIT 1').get() === undefined
  }

  close(): void {
    this.#database.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)')
    this.#database.close()
    this.lock?.release()
  }
}
