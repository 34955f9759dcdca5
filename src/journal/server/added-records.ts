import { clock } from '../../clock.ts'
import type { Database, Statement } from '../../options/app-database.ts'
import type { RecordRow } from '../files/log-format.ts'
import type { LoggedFailure } from '../files/log-reader.ts'

/** A record that has a unique key. */
type Existing = { readonly key: number; readonly owner: number; readonly created: number } | undefined

/** In JSON, all forms in which a unique key may be stored. */
const allKeys = (uniqueKey: string, others: string | null) => JSON.stringify([uniqueKey, ...JSON.parse(others ?? '[]')])

/** The number of records that are looked at in one go. */
const pageSize = 500

/** In SQL: lists a record as failed, unless it is listed. */
const insertFailed = `INSERT OR IGNORE INTO afterword_failed
  (key, job, version, args, options, created, attempt, singleton, lane, reason, error, failed_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** Adds records to a database: those that come from a log, or, in an app's own database, from the app. */
export class AddedRecords {
  readonly #database: Database
  readonly #insert: Statement
  readonly #share: Statement
  readonly #byUniqueKey: Statement
  readonly #byKeys: Statement
  readonly #spentKeys: Statement
  readonly #freeKey: Statement
  readonly #delete: Statement

  constructor(database: Database) {
    this.#database = database
    const insert =
      'INTO afterword_records (key, job, version, args, options, created, attempt, run_at, delay, owner, singleton, lane) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
    this.#insert = database.prepare(`INSERT ${insert} ON CONFLICT (key) DO NOTHING`)
    this.#share = database.prepare(
      `INSERT ${insert} ON CONFLICT (key) DO NOTHING ON CONFLICT (job, singleton) WHERE singleton IS NOT NULL DO NOTHING`,
    )
    this.#byUniqueKey = database.prepare('SELECT key FROM afterword_records WHERE job = ? AND singleton = ?')
    this.#byKeys = database.prepare(
      'SELECT key, owner, created FROM afterword_records WHERE job = ? AND singleton IN (SELECT value FROM json_each(?))',
    )
    this.#spentKeys = database.prepare(
      'SELECT record AS key FROM afterword_keys WHERE job = ? AND singleton IN (SELECT value FROM json_each(?)) AND until > ?',
    )
    this.#freeKey = database.prepare('UPDATE afterword_records SET singleton = NULL WHERE key = ?')
    this.#delete = database.prepare('DELETE FROM afterword_records WHERE key = ?')
  }

  /** Stores a record, unless the table has it already. */
  insert([id, job, version, args, options, created, attempt, runAt, delay, by]: RecordRow): void {
    this.#insert.run(id, job, version, args, options, created, attempt, soonest(runAt, delay), delay, by, null, null)
  }

  /**
   * Stores a record that may have a unique key, unless the table has it already.
   * @param otherKeys in JSON, the other forms in which a process with other encryption keys may have stored the unique key
   * @returns the id of another record of the same job that has the unique key
   */
  share(row: RecordRow, otherKeys: string | null = null): number | undefined {
    const [id, job, version, args, options, created, attempt, runAt, delay, by, uniqueKey, more] = row
    if (more?.longest !== undefined) return this.#debounce(row, otherKeys)
    if (uniqueKey !== null) {
      const spent = this.#spentKeys.get(job, allKeys(uniqueKey, otherKeys), clock.date()) as Existing
      if (spent !== undefined) return spent.key
    }
    const other = otherKeys === null ? undefined : (this.#byKeys.get(job, otherKeys) as Existing)
    if (other !== undefined) return other.key === id ? undefined : other.key
    const [due, lane] = [soonest(runAt, delay), more?.lane ?? null]
    const values = [id, job, version, args, options, created, attempt, due, delay, by, uniqueKey, lane] as const
    if (Number(this.#share.run(...values).changes) > 0 || uniqueKey === null) return undefined
    const existing = (this.#byUniqueKey.get(job, uniqueKey) as { key: number } | undefined)?.key
    return existing === id ? undefined : existing
  }

  /** Finds those of the ids whose records are listed as failed. */
  failedOf(ids: readonly number[]): Set<number> {
    const rows = this.#database
      .prepare('SELECT key FROM afterword_failed WHERE key IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(ids)) as { key: number }[]
    return new Set(rows.map(({ key }) => key))
  }

  /**
   * Stores a record in place of the one with its unique key that waits. The time since the first of them counts on. A record that runs goes
   * on without the key.
   */
  #debounce([id, ...rest]: RecordRow, otherKeys: string | null): undefined {
    const [job, version, args, options, firstCreated, attempt, firstRunAt, quiet, by, uniqueKey, more] = rest
    let [created, runAt] = [firstCreated, soonest(firstRunAt, quiet)]
    const existing = this.#byKeys.get(job, allKeys(uniqueKey as string, otherKeys)) as Existing
    if (existing?.key === id) return undefined
    if (existing !== undefined && existing.owner > 0) this.#freeKey.run(existing.key)
    else if (existing !== undefined) {
      created = Math.min(created, existing.created)
      this.#delete.run(existing.key)
    }
    runAt = Math.min(runAt, created + (more?.longest as number))
    const delay = Math.max(0, runAt - clock.date())
    this.#share.run(id, job, version, args, options, created, attempt, runAt, delay, by, uniqueKey, null)
    return undefined
  }

  /**
   * Removes the records behind an id that are pending in a log, too: their process has moved them here, and did not live to note that in the
   * log. Nobody has run them since; they are moved once more.
   */
  removeUnnoted(after: number, isPending: (recordId: number) => boolean): void {
    const page = this.#database.prepare(
      `SELECT key FROM afterword_records WHERE key > ? ORDER BY key LIMIT ${pageSize}`,
    )
    for (let last: number | undefined = after; last !== undefined; ) {
      const keys: number[] = (page.all(last) as { key: number }[]).map(({ key }) => key)
      for (const key of keys) if (isPending(key)) this.#delete.run(key)
      last = keys.at(-1)
    }
  }

  /** Lists a record as failed that was in a log only, unless it is listed. */
  insertFailed({ row, attempt, reason, error, failedAt }: LoggedFailure): void {
    const [id, job, version, args, options, created] = row
    this.#database
      .prepare(insertFailed)
      .run(id, job, version, args, options, created, attempt, row[10], row[11]?.lane ?? null, reason, error, failedAt)
  }

  /** Lists a record as failed that can't be stored, with the values that can. @param row the record, as far as it is known */
  insertAside(recordId: number, row: RecordRow | undefined, reason: string, error: string): void {
    const [, job = '?', version, args = '[]', options = null, created, attempt, , , , uniqueKey = null, more] =
      row ?? []
    const count = (value: unknown, least: number) =>
      Number.isSafeInteger(value) ? Math.max(value as number, least) : least
    const text = (value: unknown) => (value == null ? null : String(value))
    const values = [text(job), count(version, 1), text(args), text(options), count(created, 0), count(attempt, 0)]
    this.#database
      .prepare(insertFailed)
      .run(recordId, ...values, text(uniqueKey), text(more?.lane), reason, error, clock.date())
  }

  /** A record that was set aside has ended after all. */
  forgetAside(recordId: number): void {
    this.#database.prepare("DELETE FROM afterword_failed WHERE key = ? AND reason = 'damaged'").run(recordId)
  }
}

/** The moment at which a record is due that comes from a log: its delay from now on at the latest, for the clock may have been set back since. */
function soonest(runAt: number, delay: number): number {
  return Math.min(runAt, clock.date() + delay)
}
