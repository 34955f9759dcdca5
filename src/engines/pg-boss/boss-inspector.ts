import { clock } from '../../clock.ts'
import type {
  Changed,
  ListedDatabase,
  ListedRecord,
  Overview,
  PageQuery,
  RecordFilter,
  RecordPage,
  State,
  StateCount,
} from '../../journal/inspection/listed.ts'
import { readCursor, writeCursor } from '../../journal/inspection/page-cursor.ts'
import { listedCall, shownCall } from '../listed-call.ts'
import { plainError } from '../plain-error.ts'
import { prefix } from '../queue-name.ts'
import { isUuid, type StoredCall } from '../stored-call.ts'
import { type Boss, hasChanged, inTransaction, withdraw } from './boss.ts'
import { makeBoss } from './boss-package.ts'
import { doneFor, mostRuns } from './queue-options.ts'

/** The id before all others. */
const zero = '00000000-0000-0000-0000-000000000000'

/** The end of a page: the states that it is in, the queue, and the last id. */
interface Cursor {
  readonly part: number
  readonly queue: string
  readonly last: string
}

function isCursor({ part, queue, last }: Partial<Cursor>): boolean {
  return Number.isInteger(part) && typeof queue === 'string' && typeof last === 'string' && isUuid(last)
}

/** The most calls of a page. */
const pageSize = 500

/** The states of pg-boss whose calls are listed, and those that are shown for them. */
const states: Readonly<Record<string, State>> = {
  failed: 'failed',
  active: 'running',
  created: 'pending',
  retry: 'pending',
}

/** A job of pg-boss, as it is in the table. */
interface Row {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly data: Partial<StoredCall> | null
  readonly output: { readonly error?: string } | null
  readonly created: Date
  readonly due: Date
  readonly ended: Date | null
  readonly runs: number
}

const columns =
  'id, name, state, data, output, created_on AS created, start_after AS due, completed_on AS ended, retry_count AS runs'

/** The inspector looks at the calls of jobs in the tables of pg-boss, and changes those that do not run. */
export class BossInspector implements AsyncDisposable {
  readonly unreadable: readonly string[] = []
  readonly #boss: Boss
  readonly #table: string

  private constructor(boss: Boss, schema: string) {
    this.#boss = boss
    this.#table = `${schema}.job`
  }

  /** @param url that of the database; `?schema=jobs` names a schema other than `pgboss` */
  static async open(url: string): Promise<BossInspector> {
    const parsed = new URL(url)
    const schema = parsed.searchParams.get('schema') ?? 'pgboss'
    parsed.searchParams.delete('schema')
    const passive = { supervise: false, schedule: false, migrate: false, createSchema: false }
    // The constructor refuses a schema that is no name.
    const boss = makeBoss({ connectionString: parsed.href, schema, max: 2, ...passive })
    // Its errors are those of the calls as well.
    boss.on('error', () => {})
    try {
      await boss.start()
    } catch (cause) {
      await boss.stop({ graceful: false }).catch(() => {})
      const { message } = plainError(cause as Error)
      if (message !== notInstalled) throw new Error(`The database can't be read: ${message}`)
      throw new Error(`There are no tables of pg-boss in the schema "${schema}".`)
    }
    return new BossInspector(boss, schema)
  }

  async #rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#boss.getDb().executeSql(sql, values)).rows as T[]
  }

  /** Counts the calls of each queue. */
  async databases(): Promise<ListedDatabase[]> {
    const count = (of: string) => `(count(*) FILTER (WHERE state IN (${of})))::int`
    const rows = await this.#rows<{ name: string; running: number; pending: number; failed: number }>(
      `SELECT name, ${count("'active'")} AS running, ${count("'created', 'retry'")} AS pending, ${count("'failed'")} AS failed
        FROM ${this.#table} WHERE starts_with(name, $1) GROUP BY name ORDER BY name`,
      [prefix],
    )
    return rows.map((row) => ({ ...row, alive: undefined, stuck: [], paused: [] }))
  }

  /** Yields pages: what has failed, then the others, queue by queue. */
  async *records({ state, job, limit = Infinity }: RecordFilter = {}): AsyncGenerator<ListedRecord[]> {
    let left = limit
    for (const part of [['failed'], ['active', 'created', 'retry']]) {
      const wanted = part.filter((each) => state === undefined || states[each] === state)
      for await (const page of this.#pages(wanted, job)) {
        yield page.slice(0, left).map(listed)
        left -= page.length
        if (left <= 0) return
      }
    }
  }

  /** Reads a page of calls, queue by queue, in the order of their ids: a page costs the same wherever it is. */
  async page({ state, job, search, cursor, limit }: PageQuery): Promise<RecordPage> {
    const found = search === undefined ? undefined : await this.find(search)
    if (found !== undefined) return { records: [shownCall(found)], next: undefined }
    const parts = [['failed'], ['active', 'created', 'retry']].map((part) =>
      part.filter(
        (each) => state === undefined || states[each] === state || (state === 'later' && states[each] === 'pending'),
      ),
    )
    let { part, queue, last } = readCursor<Cursor>(cursor, isCursor) ?? { part: 0, queue: '', last: zero }
    for (; part < parts.length; part++, queue = '') {
      const wanted = parts[part] as string[]
      for (const { name } of wanted.length === 0 ? [] : await this.databases()) {
        if (name < queue) continue
        if (name !== queue) [queue, last] = [name, zero]
        const rows = await this.#rows<Row>(
          `SELECT ${columns} FROM ${this.#table} WHERE name = $1 AND id > $2 AND state::text = ANY($3)
            AND ($4::text IS NULL OR data->>'job' = $4)
            AND ($5::text IS NULL OR position(lower($5) in lower(concat_ws(' ', data->>'job', data->>'key', output->>'error'))) > 0)
            AND ($6::text IS NULL OR state IN ('failed', 'active') OR (start_after > now()) = ($6 = 'later'))
            ORDER BY id LIMIT $7`,
          [name, last, wanted, job ?? null, search ?? null, state ?? null, limit],
        )
        const end = rows.at(-1)
        if (end === undefined) continue
        const next =
          rows.length < limit ? { part, queue: `${name}\0`, last: zero } : { part, queue: name, last: end.id }
        return { records: rows.map((row) => shownCall(listed(row))), next: writeCursor(next) }
      }
    }
    return { records: [], next: undefined }
  }

  /** Counts the calls by job and state. Of processes the tables tell nothing. */
  async overview(): Promise<Overview> {
    const counts = await this.#rows<StateCount>(
      `SELECT COALESCE(data->>'job', name) AS job, CASE state::text WHEN 'failed' THEN 'failed' WHEN 'active' THEN 'running'
          ELSE CASE WHEN start_after > now() THEN 'later' ELSE 'pending' END END AS state, count(*)::int AS count
        FROM ${this.#table} WHERE starts_with(name, $1) AND state::text = ANY($2) GROUP BY 1, 2`,
      [prefix, Object.keys(states)],
    )
    return { counts, processes: [], suspects: [], paused: [] }
  }

  async find(id: string): Promise<ListedRecord | undefined> {
    const row = await this.#find(id)
    return row && listed(row)
  }

  async count(): Promise<number> {
    return (await this.databases()).reduce((sum, { failed }) => sum + failed, 0)
  }

  /** Makes failed calls pending again, their attempts forgotten. A call stays failed where its unique key is another one's by now. */
  retry(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, async ({ id, name, state, data, runs }) => {
      if (state !== 'failed') return false
      try {
        return await inTransaction(this.#boss, async (options) => {
          if (!hasChanged(await this.#boss.retry(name, id, options))) return false
          const again = { ...data, attempt: 0, heard: runs + 1, reason: undefined }
          const settings = { startAfter: '0 seconds', retryLimit: mostRuns, deleteAfterSeconds: doneFor }
          await this.#boss.update(name, again, { ...options, id, ...settings })
          return true
        })
      } catch (error) {
        if ((error as { code?: string }).code === uniqueViolation) return false
        throw error
      }
    })
  }

  /** Deletes failed calls; with `ids`, also calls that wait. */
  discard(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, async ({ id, name, state }) => {
      if (state === 'failed') return hasChanged(await this.#boss.deleteJob(name, id))
      return state === 'active' ? false : withdraw(this.#boss, name, id)
    })
  }

  /** Makes calls due that wait for a later time. */
  run(ids: readonly string[]): AsyncGenerator<Changed[]> {
    return this.#change(ids, async ({ id, name, state, due }) => {
      if (states[state] !== 'pending' || due.getTime() <= clock.date()) return false
      return hasChanged(await this.#boss.update(name, undefined as never, { id, startAfter: '0 seconds' }))
    })
  }

  async *#change(
    ids: readonly string[] | undefined,
    change: (row: Row) => Promise<boolean>,
  ): AsyncGenerator<Changed[]> {
    if (ids === undefined) {
      for await (const page of this.#pages(['failed'])) {
        const changed: Changed[] = []
        // One after another: a page of transactions at once would wait for a connection for longer than pg-boss allows.
        for (const row of page) changed.push({ id: row.id, done: await change(row) })
        yield changed
      }
      return
    }
    for (const id of ids) {
      const row = await this.#find(id)
      yield [{ id, done: row !== undefined && (await change(row)) }]
    }
  }

  async #find(id: string): Promise<Row | undefined> {
    if (!isUuid(id)) return undefined
    const sql = `SELECT ${columns} FROM ${this.#table} WHERE starts_with(name, $1) AND id = $2 AND state::text = ANY($3)`
    const [row] = await this.#rows<Row>(sql, [prefix, id, Object.keys(states)])
    return row
  }

  async *#pages(wanted: readonly string[], job?: string): AsyncGenerator<Row[]> {
    if (wanted.length === 0) return
    for (const { name } of await this.databases()) {
      let last = zero
      for (let page: Row[] | undefined; page === undefined || page.length === pageSize; ) {
        // By the order of the primary key: a page costs the same wherever it is.
        page = await this.#rows<Row>(
          `SELECT ${columns} FROM ${this.#table} WHERE name = $1 AND id > $2 AND state::text = ANY($3)
            AND ($4::text IS NULL OR data->>'job' = $4) ORDER BY id LIMIT ${pageSize}`,
          [name, last, wanted, job ?? null],
        )
        last = page.at(-1)?.id ?? last
        if (page.length > 0) yield page
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#boss.stop({ graceful: false })
  }
}

/** The words of pg-boss where its tables are missing. */
const notInstalled = 'pg-boss is not installed'

/** The code of Postgres for a unique key that is taken. */
const uniqueViolation = '23505'

function listed({ id, name, state, data, output, created, due, ended }: Row): ListedRecord {
  return listedCall(data, {
    id,
    queue: name,
    state: states[state] as State,
    created: created.getTime(),
    runAt: due.getTime(),
    endedAt: ended?.getTime(),
    error: output?.error,
  })
}
