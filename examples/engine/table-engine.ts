import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import {
  defineEngine,
  type Ending,
  type EngineCall,
  type EngineClaim,
  type EngineClient,
  type EngineHost,
  type EngineWork,
} from 'afterword/engine'
import type { Pool } from 'pg'

/**
 * An engine on one table of a Postgres database, through the pool that the app has anyway.
 *
 * @example
 * configure({ engine: tableEngine(new Pool({ connectionString: process.env.DATABASE_URL })) })
 */
export const tableEngine = defineEngine({
  name: 'the table "calls"',
  connect: (pool: Pool) => new TableClient(pool),
})

/** The interval in ms at which the table is looked at. */
const polling = 100
/** The time in s for which a claim lasts that nobody renews: a worker that was killed is noticed after that. */
const lease = 10

// A call that is over is no row any more, but for those that have failed. Keys are unique among the calls that are not over.
const schema = `
  CREATE TABLE IF NOT EXISTS calls (
    id uuid PRIMARY KEY, job text NOT NULL, version int NOT NULL, args text NOT NULL, options text, unique_key text,
    expires_at float8, attempt int NOT NULL DEFAULT 0, due timestamptz NOT NULL DEFAULT now(),
    claim uuid, claimed_until timestamptz, crashes int NOT NULL DEFAULT 0, failed text, error text
  );
  CREATE UNIQUE INDEX IF NOT EXISTS calls_keys ON calls (job, version, unique_key) WHERE failed IS NULL;
  CREATE INDEX IF NOT EXISTS calls_due ON calls (due) WHERE failed IS NULL`

/** A row that this process has claimed. The pool gives a number of 53 bits as one, and null where there is nothing. */
interface Row {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly args: string
  readonly options: string | null
  readonly expires_at: number | null
  readonly attempt: number
  readonly crashes: number
}

class TableClient implements EngineClient {
  readonly #pool: Pool
  /** The claims of this process have one name, which fences them. */
  readonly #claim = crypto.randomUUID()
  readonly #running = new Set<string>()
  #host: EngineHost | undefined
  #work: EngineWork = { jobs: [], concurrency: 0 }
  #made: Promise<void> | undefined
  #isClosed = false
  readonly #stopped = new AbortController()
  #loop: Promise<void> | undefined

  constructor(pool: Pool) {
    this.#pool = pool
  }

  open(host: EngineHost): void {
    this.#host = host
    this.#loop = this.#run(host)
  }

  /** Looks for calls until the client is closed. While the database is away, it says so, and goes on. */
  async #run(host: EngineHost): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#make()
        await this.#renew()
        await this.#take(host)
        host.reached()
      } catch (error) {
        host.away(error)
      }
      await wait(polling, undefined, { signal: this.#stopped.signal }).catch(() => {})
    }
  }

  /** Makes the table, which has to be there before anything else. A process that does so at the same moment is waited for. */
  #make(): Promise<void> {
    this.#made ??= this.#pool
      .query(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('calls')); ${schema}; COMMIT`)
      .then(() => {})
    this.#made.catch(() => (this.#made = undefined))
    return this.#made
  }

  async #renew(): Promise<void> {
    if (this.#running.size === 0) return
    const until = `now() + interval '${lease} s'`
    await this.#pool.query(`UPDATE calls SET claimed_until = ${until} WHERE claim = $1 AND id = ANY($2)`, [
      this.#claim,
      [...this.#running],
    ])
  }

  /** Claims the calls for which there is room. */
  async #take(host: EngineHost): Promise<void> {
    const { jobs, concurrency } = this.#work
    for (const [job, version] of jobs) {
      const room = Math.min(concurrency - this.#running.size, host.roomFor(job))
      if (room <= 0) continue
      const { rows } = await this.#pool.query<Row>(
        `UPDATE calls SET claim = $1, claimed_until = now() + interval '${lease} s', crashes = crashes + (claim IS NOT NULL)::int
         WHERE id IN (
           SELECT id FROM calls WHERE job = $2 AND version <= $3 AND failed IS NULL AND due <= now()
           AND (claim IS NULL OR claimed_until < now()) ORDER BY due LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING id, job, version, args, options, expires_at, attempt, crashes`,
        [this.#claim, job, version, room],
      )
      host.take(rows.map((row) => this.#claimOf(row)))
    }
  }

  #claimOf({ options, expires_at: expiresAt, ...row }: Row): EngineClaim {
    this.#running.add(row.id)
    return {
      ...row,
      options: options ?? undefined,
      expiresAt: expiresAt ?? undefined,
      settle: (ending) => this.#settle(row, ending),
    }
  }

  /** Stores the end of a run, as long as the claim is this process's. */
  async #settle({ id, job }: Pick<Row, 'id' | 'job'>, ending: Ending): Promise<void> {
    const own = 'WHERE id = $1 AND claim = $2'
    const values = [id, this.#claim]
    const store = () => {
      switch (ending.type) {
        case 'done':
          return this.#pool.query(`DELETE FROM calls ${own}`, values)
        case 'handed-back':
          return this.#pool.query(`UPDATE calls SET claim = NULL, crashes = 0 ${own}`, values)
        case 'retried':
          return this.#pool.query(
            `UPDATE calls SET claim = NULL, crashes = 0, attempt = $3, error = $4, due = now() + $5 * interval '1 ms' ${own}`,
            [...values, ending.attempt, ending.error, ending.delay],
          )
        case 'failed':
          return this.#pool.query(`UPDATE calls SET attempt = $3, error = $4, failed = $5 ${own}`, [
            ...values,
            ending.attempt,
            ending.error,
            ending.reason,
          ])
      }
    }
    // The claim lasts, and is renewed, until its end is stored. After close() another worker may have it, once it is not renewed.
    for (let isStored = false; !isStored && !this.#isClosed; ) {
      try {
        const { rowCount } = await store()
        isStored = true
        // Nobody has renewed the claim for too long: the thread was blocked, or the network was cut.
        if (rowCount === 0) this.#host?.lost(job, id)
      } catch {
        await wait(polling)
      }
    }
    this.#running.delete(id)
  }

  async add(calls: readonly EngineCall[]): Promise<readonly string[]> {
    await this.#make()
    const ids = new Map<EngineCall, string>()
    for (let left = calls; left.length > 0; left = calls.filter((call) => !ids.has(call))) {
      const given = left.map((call) => ({ ...call, uniqueKey: call.uniqueKey && keyOf(call.uniqueKey) }))
      const { rows } = await this.#pool.query<{ id: string }>(
        `INSERT INTO calls (id, job, version, args, options, unique_key, expires_at, attempt, due)
         SELECT id, job, version, args, options, "uniqueKey", "expiresAt", attempt, now() + delay * interval '1 ms'
         FROM json_to_recordset($1) AS call(id uuid, job text, version int, args text, options text, "uniqueKey" text,
           "expiresAt" float8, attempt int, delay float8)
         ON CONFLICT DO NOTHING RETURNING id`,
        [JSON.stringify(given)],
      )
      const added = new Set(rows.map(({ id }) => id))
      for (const call of left) {
        const id = added.has(call.id) ? call.id : await this.#standsFor(call)
        // The call that had the key is over by now: this one is added in the next round.
        if (id !== undefined) ids.set(call, id)
      }
    }
    return calls.map((call) => ids.get(call) as string)
  }

  /** The call that keeps another one from being added: itself, if it was sent before, or one with its key. */
  async #standsFor({ id, job, version, uniqueKey }: EngineCall): Promise<string | undefined> {
    const { rows } = await this.#pool.query<{ id: string }>(
      `SELECT id FROM calls WHERE id = $1 OR job = $2 AND version = $3 AND unique_key = $4 AND failed IS NULL`,
      [id, job, version, uniqueKey && keyOf(uniqueKey)],
    )
    return rows.find((row) => row.id === id)?.id ?? rows[0]?.id
  }

  work(work: EngineWork): void {
    this.#work = work
  }

  async withdraw(of: string | { readonly key: string }, jobs: EngineWork['jobs']): Promise<boolean> {
    const [column, value] = typeof of === 'string' ? ['id::text', of] : ['unique_key', keyOf(of.key)]
    await this.#make()
    const { rowCount } = await this.#pool.query(
      `DELETE FROM calls WHERE ${column} = $1 AND job = ANY($2) AND claim IS NULL AND failed IS NULL`,
      [value, jobs.map(([job]) => job)],
    )
    return rowCount !== 0
  }

  async close(within: number): Promise<void> {
    this.#isClosed = true
    this.#stopped.abort()
    await Promise.race([this.#loop, wait(within, undefined, { ref: false })])
  }
}

/** A key may be any text; Postgres stores none with a NUL in it. */
const keyOf = (key: string) => createHash('sha256').update(key).digest('hex')
