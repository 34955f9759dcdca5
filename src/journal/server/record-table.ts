import { busy, type Database, type Statement, type Sync, setSync } from '../files/database.ts'
import { blockOf, slotOf, slotSize } from '../files/record-id.ts'
import { claimerOf, isClaimer, ownedBy, owner } from '../files/schema.ts'
import { acceptWidth, type KnownJob, type Store } from '../protocol.ts'
import { type ClaimableOptions, ClaimableRecords, notPutOff } from './claimable-records.ts'

/** So many records are stored by one statement: a statement for each took half as long again. */
const acceptedAtOnce = 8

/** Its parameters have no numbers: Node looks for the name of each that has one, among all of them. */
function acceptSql(records: number, process: number): string {
  const rows = Array.from({ length: records }, () => `(?, ?, ?, ?, ?, ?, ?, ${process})`).join(', ')
  return `INSERT INTO afterword_records (key, job, version, args, options, created, run_at, owner) VALUES ${rows}`
}

/** The records of one database, as the process that owns some of them sees them. Whatever changes one says that it owns it. */
export class RecordTable {
  readonly store: Store
  readonly claimable: ClaimableRecords
  readonly #database: Database
  readonly #process: number
  readonly #sync: Sync | undefined
  #syncs: Sync | undefined
  /** A transaction that is not ours is open. */
  readonly #isForeign: (() => boolean) | undefined
  #begun = false
  /** The last block of keys that is known to be begun. */
  #block: number
  /** The same before the transaction that is open. */
  #blockBefore = 0
  readonly #keyIds: readonly string[]
  /** In SQL: this process owns it. */
  readonly #isMine: string

  readonly #acceptOne: Statement
  readonly #acceptMany: Statement
  readonly #share: Statement
  readonly #single: Statement
  readonly #other: Statement
  readonly #done: Statement
  readonly #fail: Statement
  readonly #retry: Statement
  readonly #back: Statement
  readonly #begin: Statement

  constructor(database: Database, options: RecordTableOptions) {
    const { store, process, sync, isForeign, keyIds = [] } = options
    this.store = store
    this.claimable = new ClaimableRecords(database, options)
    this.#database = database
    this.#process = process
    this.#block = blockOf(process)
    this.#sync = this.#syncs = sync
    this.#isForeign = isForeign
    this.#keyIds = keyIds
    this.#isMine = ownedBy(process)
    const mine = `key = ?1 AND ${this.#isMine}`
    this.#acceptOne = database.prepare(acceptSql(1, process))
    this.#acceptMany = database.prepare(acceptSql(acceptedAtOnce, process))
    this.#share = database.prepare(`
      INSERT INTO afterword_records (key, job, version, args, options, created, run_at, delay, owner, singleton)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6 + ?7, ?7, ?8, ?9)
      ON CONFLICT (job, singleton) WHERE singleton IS NOT NULL DO NOTHING`)
    this.#single = database.prepare('SELECT key FROM afterword_records WHERE job = ? AND singleton = ?')
    this.#other = database.prepare(
      'SELECT key FROM afterword_records WHERE job = ? AND singleton IN (SELECT value FROM json_each(?))',
    )
    this.#done = database.prepare(`DELETE FROM afterword_records WHERE key BETWEEN ?1 AND ?2 AND ${this.#isMine}`)
    this.#fail = database.prepare(`
      INSERT OR REPLACE INTO afterword_failed (key, job, version, args, options, created, attempt, singleton, reason, error, failed_at)
      SELECT key, job, version, args, options, created, ?2, singleton, ?3, ?4, ?5 FROM afterword_records WHERE ${mine}`)
    this.#retry = database.prepare(
      `UPDATE afterword_records SET attempt = ?2, run_at = ?3 + ?4, delay = ?4, crashes = 0, owner = ?5 WHERE ${mine}`,
    )
    this.#back = database.prepare(
      `UPDATE afterword_records SET crashes = max(0, crashes - ?2), owner = ${owner.free} WHERE ${mine}`,
    )
    this.#begin = database.prepare(`UPDATE afterword_records SET crashes = crashes + 1 WHERE ${mine}`)
  }

  /** @param durable the transaction has records that somebody waits for: only these have to be synced */
  begin(durable: boolean): void {
    if (this.#isForeign?.()) throw busy('A transaction of the app is open')
    const sync = durable ? this.#sync : this.#sync && 'normal'
    // Not possible within a transaction.
    if (sync !== undefined && sync !== this.#syncs) setSync(this.#database, (this.#syncs = sync))
    this.#database.exec('BEGIN IMMEDIATE')
    this.#begun = true
    this.#blockBefore = this.#block
    this.claimable.begin()
  }

  commit(): void {
    this.#database.exec('COMMIT')
    this.#begun = false
  }

  /** Also where nothing has begun, or SQLite has rolled it back itself. */
  rollback(): void {
    if (!this.#begun) return
    this.#begun = false
    this.#block = this.#blockBefore
    this.claimable.rollback()
    try {
      this.#database.exec('ROLLBACK')
    } catch {}
  }

  /** From now on what finds another process writing fails at once: what is to go to a slot would wait, too. */
  neverWait(): void {
    if (this.#sync !== undefined) this.#database.exec('PRAGMA busy_timeout = 0')
  }

  /** Calls `fn` in a transaction of its own. Throws what it throws. */
  atomically<T>(fn: () => T): T {
    try {
      this.begin(false)
      const value = fn()
      this.commit()
      return value
    } catch (error) {
      this.rollback()
      throw error
    }
  }

  /** Stores records of this process. @param values of each the key, job, version, arguments and options */
  accept(values: readonly (string | number | null)[]): void {
    const now = Date.now()
    const many = acceptedAtOnce * acceptWidth.own
    for (let from = 0; from < values.length; ) {
      const isMany = from + many <= values.length
      const to = from + (isMany ? many : acceptWidth.own)
      const parameters: (string | number | null)[] = []
      for (let i = from; i < to; i++) {
        parameters.push(values[i] as string | number | null)
        if (i % acceptWidth.own === acceptWidth.own - 1) parameters.push(now, now)
      }
      ;(isMany ? this.#acceptMany : this.#acceptOne).run(...parameters)
      from = to
    }
  }

  /**
   * Stores a record that any process may run after `delay` ms, or, if it is `kept`, this one.
   * @param others what a process with other keys may have stored for `singleton`
   * @returns the key of the record of the same job that is there already with one of these
   */
  share(
    key: number,
    job: string,
    version: number,
    args: string,
    options: string | null,
    delay: number,
    kept: number,
    singleton: string | null,
    others: string | null,
  ): number | undefined {
    const other = others === null ? undefined : (this.#other.get(job, others) as { key: number } | undefined)
    if (other !== undefined) return other.key
    const by = kept === 1 ? this.#process : owner.free
    const { changes } = this.#share.run(key, job, version, args, options, Date.now(), Math.ceil(delay), by, singleton)
    if (Number(changes) > 0) return undefined
    return (this.#single.get(job, singleton) as { key: number }).key
  }

  /** Deletes what is done. Most of it was accepted one after another, and goes run by run. */
  done(keys: readonly number[]): void {
    const sorted = [...keys].sort((a, b) => a - b)
    let first = 0
    for (let i = 1; i <= sorted.length; i++) {
      const last = sorted[i - 1] as number
      if (sorted[i] === last + 1) continue
      this.#done.run(sorted[first] as number, last)
      first = i
    }
  }

  failed(key: number, attempt: number, reason: string, error: string | null): void {
    this.#fail.run(key, attempt, reason, error, Date.now())
    this.#done.run(key, key)
  }

  /** In `delay` ms, by this process or, if it is `released`, by whoever has room then. */
  retry(key: number, attempt: number, delay: number, released: boolean): void {
    this.#retry.run(key, attempt, Date.now(), delay, released ? owner.free : this.#process)
  }

  /** @param begun how many crashes were noted for it, in case of */
  back(key: number, begun: number): void {
    this.#back.run(key, begun)
  }

  /** Deletes a record of this process that any may have been free to take, unless another one has. */
  withdraw(key: number): void {
    this.#database
      .prepare(`DELETE FROM afterword_records WHERE key = ? AND (${this.#isMine} OR owner = ${owner.free})`)
      .run(key)
  }

  /** What this process has taken is nobody's, but for these. */
  giveBack(held: readonly number[]): void {
    this.#database
      .prepare(
        `UPDATE afterword_records SET owner = ${owner.free} WHERE owner = ${claimerOf(this.#process)} AND key NOT IN (SELECT value FROM json_each(?))`,
      )
      .run(JSON.stringify(held))
  }

  beginRun(key: number): void {
    this.#begin.run(key)
  }

  /** The processes of a slot have died, but for this one: what they have taken is free. */
  release(slot: number): void {
    const between = `BETWEEN ${slot * slotSize} AND ${(slot + 1) * slotSize - 1}`
    this.#database
      .prepare(
        `UPDATE afterword_records SET owner = iif(${isClaimer}, ${owner.orphanedClaim}, ${owner.orphaned}), ${notPutOff}
        WHERE owner ${between} AND NOT ${this.#isMine}`,
      )
      .run(Date.now())
    this.#database.exec(`DELETE FROM afterword_processes WHERE process ${between} AND process <> ${this.#process}`)
  }

  /** The slots of the processes that are listed, but for this one. */
  get otherSlots(): Set<number> {
    const rows = this.#database
      .prepare('SELECT process FROM afterword_processes WHERE process <> ?')
      .all(this.#process) as { process: number }[]
    return new Set(rows.map(({ process }) => slotOf(process)))
  }

  /** Lists this process, with what it can run. */
  enlist(pid: number, jobs: readonly KnownJob[]): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO afterword_processes (process, pid, jobs, seals) VALUES (?, ?, ?, ?)')
      .run(this.#process, pid, JSON.stringify(jobs), JSON.stringify(this.#keyIds))
  }

  /** This process ends in order: what it has is for others. */
  leave(): void {
    this.#database.exec(`
      UPDATE afterword_records SET owner = iif(${isClaimer}, ${owner.free}, ${owner.orphaned}) WHERE ${this.#isMine};
      DELETE FROM afterword_processes WHERE process = ${this.#process}`)
  }

  has(key: number): boolean {
    return this.#database.prepare('SELECT 1 FROM afterword_records WHERE key = ?').get(key) !== undefined
  }

  get empty(): boolean {
    return this.#database.prepare('SELECT 1 FROM afterword_records LIMIT 1').get() === undefined
  }

  /** Changes with each commit of another process. */
  get dataVersion(): number {
    return (this.#database.prepare('PRAGMA data_version').get() as { data_version: number }).data_version
  }

  /** Forgets what failed before then. */
  forget(before: number): void {
    this.#database.prepare('DELETE FROM afterword_failed WHERE failed_at < ?').run(before)
  }

  /** It is of a block of keys that is not begun yet. */
  isNewBlock(key: number): boolean {
    return blockOf(key) > this.#block
  }

  /** Where a process gives more keys than a block has, the next process is to begin behind them. */
  beginBlock(key: number): void {
    const block = blockOf(key)
    this.#database
      .prepare('UPDATE afterword_slots SET block = max(block, ?2) WHERE slot = ?1')
      .run(slotOf(this.#process), block)
    // With a transaction of the app it may be rolled back.
    if (!this.#isForeign?.()) this.#block = block
  }
}

export interface RecordTableOptions extends ClaimableOptions {
  /** `undefined` where that is not ours to say. */
  readonly sync: Sync | undefined
  /** A transaction that is not ours may be open, and is. */
  readonly isForeign?: (() => boolean) | undefined
}
