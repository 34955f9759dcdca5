import { clock } from '../../clock.ts'
import type { Database, Statement } from '../../options/app-database.ts'
import { type Sync, setSync } from '../files/database.ts'
import { rebuildIndexes } from '../files/integrity.ts'
import { LogNotes } from '../files/log-notes.ts'
import { PausedJobs } from '../files/paused-jobs.ts'
import { blockOf, slotOf } from '../files/record-id.ts'
import { RunningRows } from '../files/running-rows.ts'
import { claimerOf, ownedBy, owner } from '../files/schema.ts'
import { busy } from '../files/sqlite-errors.ts'
import { WithdrawalRows } from '../files/withdrawal-rows.ts'
import type { KnownJob, Store } from '../protocol.ts'
import { AddedRecords } from './added-records.ts'
import { type ClaimableOptions, ClaimableRecords } from './claimable-records.ts'
import { OddRecords } from './odd-records.ts'
import { RecordChanges, type RefusedRecord } from './record-changes.ts'
import { Suspects } from './suspects.ts'
import { Upkeep } from './upkeep.ts'

/** The table of records in one database, as a process that owns some of them sees it. Each change of a record requires that the process owns it. */
export class RecordTable {
  readonly store: Store
  readonly claimable: ClaimableRecords
  readonly suspects: Suspects
  /** The records that come from a log, or from the app. */
  readonly added: AddedRecords
  readonly notes: LogNotes
  readonly upkeep: Upkeep
  readonly odd: OddRecords
  readonly withdrawals: WithdrawalRows
  readonly running: RunningRows
  readonly paused: PausedJobs
  readonly #changes: RecordChanges
  readonly #database: Database
  readonly #process: number
  readonly #sync: Sync | undefined
  #syncs: Sync | undefined
  /** A transaction of the app is open. */
  readonly #isForeign: (() => boolean) | undefined
  #begun = false
  /** The last block of record ids that is known to be begun. */
  #block: number
  /** The last block before the transaction that is open. */
  #blockBefore = 0
  readonly #keyIds: readonly string[]
  /** In SQL: this process owns the record. */
  readonly #isMine: string

  readonly #done: Statement
  readonly #fail: Statement
  readonly #retry: Statement
  readonly #handBack: Statement
  readonly #setOptions: Statement
  readonly #keepKey: Statement

  constructor(database: Database, options: RecordTableOptions) {
    const { store, process, sync, isForeign, slot, keyIds = [] } = options
    this.store = store
    this.#changes = new RecordChanges(database, (fn) => this.nested(fn))
    this.suspects = new Suspects(database, this.#changes, store, process)
    this.claimable = new ClaimableRecords(database, this.#changes, this.suspects, options)
    this.added = new AddedRecords(database)
    this.notes = new LogNotes(database)
    this.odd = new OddRecords(database, slot)
    this.withdrawals = new WithdrawalRows(database)
    this.running = new RunningRows(database)
    this.paused = new PausedJobs(database)
    this.upkeep = new Upkeep(database, this.#changes, process, sync !== undefined)
    this.#database = database
    this.#process = process
    this.#block = blockOf(process)
    this.#sync = this.#syncs = sync
    this.#isForeign = isForeign
    this.#keyIds = keyIds
    this.#isMine = ownedBy(process)
    const mine = `key = ?1 AND ${this.#isMine}`
    this.#done = database.prepare(`DELETE FROM afterword_records WHERE key BETWEEN ?1 AND ?2 AND ${this.#isMine}`)
    this.#fail = database.prepare(`
      INSERT OR REPLACE INTO afterword_failed (key, job, version, args, options, created, attempt, singleton, lane, reason, error, failed_at)
      SELECT key, job, version, args, options, created, ?2, singleton, lane, ?3, ?4, ?5 FROM afterword_records WHERE ${mine}`)
    this.#retry = database.prepare(
      `UPDATE afterword_records SET attempt = ?2, run_at = ?3 + ?4, delay = ?4, crashes = 0, owner = ?5 WHERE ${mine}`,
    )
    this.#handBack = database.prepare(`UPDATE afterword_records SET owner = ${owner.free} WHERE ${mine}`)
    this.#keepKey = database.prepare(`
      INSERT OR REPLACE INTO afterword_keys (job, singleton, record, until)
      SELECT job, singleton, key, ?2 FROM afterword_records WHERE ${mine} AND singleton IS NOT NULL`)
    this.#setOptions = database.prepare(`UPDATE afterword_records SET options = ?2 WHERE ${mine}`)
  }

  /** Begins a transaction. @param durable the transaction has records that no log has any more, or soon: only these have to be synced */
  begin(durable: boolean): void {
    if (this.#isForeign?.()) throw busy('A transaction of the app is open')
    const sync = durable ? this.#sync : this.#sync && 'normal'
    // SQLite sets this outside a transaction only.
    if (sync !== undefined && sync !== this.#syncs) setSync(this.#database, (this.#syncs = sync))
    this.#database.exec('BEGIN IMMEDIATE')
    this.#begun = true
    this.#blockBefore = this.#block
  }

  commit(): void {
    this.#database.exec('COMMIT')
    this.#begun = false
  }

  /** Rolls the transaction back, if one is open. */
  rollback(): void {
    if (!this.#begun) return
    this.#begun = false
    this.#block = this.#blockBefore
    this.claimable.rolledBack()
    try {
      this.#database.exec('ROLLBACK')
    } catch {}
  }

  /** From now on a statement fails at once where another process writes: groups for the own database would wait, too. */
  neverWait(): void {
    if (this.#sync !== undefined) this.#database.exec('PRAGMA busy_timeout = 0')
  }

  /** Calls `fn` in a transaction of its own. Throws what it throws. @param durable as in `begin` */
  atomically<T>(fn: () => T, durable = false): T {
    try {
      this.begin(durable)
      const value = fn()
      this.commit()
      return value
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  /**
   * Calls `fn` in a transaction of its own, whose changes are of claimable records. Where the database refuses the change of a record, that
   * record is set aside, and told.
   */
  carefully<T>(fn: () => T, tellAside: (record: RefusedRecord) => void): T {
    try {
      return this.atomically(fn)
    } catch (error) {
      if (!RecordChanges.mayBeOfOne(error)) throw error
    }
    const { value, refused } = this.atomically(() => this.#changes.oneByOne(fn))
    for (const record of refused) tellAside(record)
    return value
  }

  /** Calls `fn` within the transaction that is open: what it throws concerns its own changes only. */
  nested<T>(fn: () => T): T {
    this.#database.exec('SAVEPOINT afterword_one')
    try {
      const value = fn()
      this.#database.exec('RELEASE afterword_one')
      return value
    } catch (error) {
      try {
        this.#database.exec('ROLLBACK TO afterword_one; RELEASE afterword_one')
      } catch {
        // SQLite has rolled all back.
      }
      throw error
    }
  }

  /** Deletes records that are done. Most of them were added one after another, and are deleted run by run. */
  done(recordIds: readonly number[]): void {
    const sorted = [...recordIds].sort((a, b) => a - b)
    let first = 0
    for (let i = 1; i <= sorted.length; i++) {
      const last = sorted[i - 1] as number
      if (sorted[i] === last + 1) continue
      this.#done.run(sorted[first] as number, last)
      first = i
    }
  }

  /** Deletes a record that is done, whose unique key stays taken. @param ms the time for which it does */
  doneWithKey(recordId: number, ms: number): void {
    this.#keepKey.run(recordId, clock.date() + ms)
    this.#done.run(recordId, recordId)
  }

  /** Lists a record as failed. */
  failed(recordId: number, attempt: number, reason: string, error: string | null): void {
    this.#fail.run(recordId, attempt, reason, error, clock.date())
    this.#done.run(recordId, recordId)
  }

  /** Lists a record as failed whose change the database refuses. */
  setAside(recordId: number, reason: string, error: string): void {
    const { attempt = 0 } = (this.#database
      .prepare('SELECT attempt FROM afterword_records WHERE key = ?')
      .get(recordId) ?? {}) as { attempt?: number }
    this.failed(recordId, attempt, reason, error)
  }

  /** Puts a record off for `delay` ms: this process runs it then or, if `released`, any worker with room. */
  retry(recordId: number, attempt: number, delay: number, released: boolean): void {
    this.#retry.run(recordId, attempt, clock.date(), delay, released ? owner.free : this.#process)
  }

  /** Hands a claim back. */
  handBack(recordId: number): void {
    this.#handBack.run(recordId)
  }

  /** Frees the claims of this process, but for these. Nobody has watched the runs of these, which tell nothing. */
  freeOtherClaims(claimed: readonly number[]): void {
    this.#database
      .prepare(
        `UPDATE afterword_records SET owner = ${owner.free} WHERE owner = ${claimerOf(this.#process)} AND key NOT IN (SELECT value FROM json_each(?))`,
      )
      .run(JSON.stringify(claimed))
    this.#database.exec(
      `UPDATE afterword_records SET crashes = 0 WHERE crashes > 0 AND owner = ${claimerOf(this.#process)}`,
    )
  }

  /** Stores other options and notes of a record. */
  setOptions(recordId: number, options: string): void {
    this.#setOptions.run(recordId, options)
  }

  /** The slots of the processes that are listed, but for this one. */
  get otherSlots(): Set<number> {
    const rows = this.#database
      .prepare(
        `SELECT process FROM afterword_processes WHERE process <> ? AND process BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER}`,
      )
      .all(this.#process) as { process: number }[]
    return new Set(rows.map(({ process }) => slotOf(process)))
  }

  /** Lists this process, with the jobs and keys that it has. */
  enlist(pid: number, jobs: readonly KnownJob[]): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO afterword_processes (process, pid, jobs, seals) VALUES (?, ?, ?, ?)')
      .run(this.#process, pid, JSON.stringify(jobs), JSON.stringify(this.#keyIds))
  }

  has(recordId: number): boolean {
    return this.#database.prepare('SELECT 1 FROM afterword_records WHERE key = ?').get(recordId) !== undefined
  }

  get empty(): boolean {
    return this.#database.prepare('SELECT 1 FROM afterword_records LIMIT 1').get() === undefined
  }

  /** Makes the indexes anew. Throws the errors of SQLite. */
  rebuildIndexes(): void {
    this.atomically(() => rebuildIndexes(this.#database))
  }

  /** The record id is of a block that is not begun yet. */
  isNewBlock(recordId: number): boolean {
    return blockOf(recordId) > this.#block
  }

  /** Begins the block of a record id: where a process gives more ids than a block has, the next process begins behind them. The app may roll the change back. */
  beginBlock(recordId: number): void {
    const block = blockOf(recordId)
    this.#database
      .prepare(
        'INSERT INTO afterword_slots (slot, block) VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET block = max(block, excluded.block)',
      )
      .run(slotOf(recordId), block)
    if (!this.#isForeign?.()) this.#block = block
  }
}

export interface RecordTableOptions extends ClaimableOptions {
  /** The `synchronous` of the database; `undefined` for that of an app. */
  readonly sync: Sync | undefined
  /** The slot of the database; `undefined` where records of all slots are in it. */
  readonly slot?: number
  /** A transaction of the app may be open, and is. */
  readonly isForeign?: (() => boolean) | undefined
}
