import { Redis } from 'ioredis'
import { Client } from 'pg'
import type { Place } from './contender.ts'

/** The name of connections that are none of a contender's. */
export const ofBench = 'bench'

/** The calls of one queue, as the server of the engine has them. */
export abstract class EngineTable {
  /** Opens the table of a queue, by a connection of its own. */
  static async open({ engine, url, name }: Place, queue: string): Promise<EngineTable> {
    if (engine === 'bullmq') return new RedisTable(new Redis(url, { connectionName: ofBench }), `${name}:${queue}:`)
    const client = new Client({ connectionString: url, application_name: ofBench })
    await client.connect()
    // The server may be killed while nobody asks.
    client.on('error', () => {})
    return new PostgresTable(client, name, queue)
  }

  /** Counts the calls that wait. */
  abstract waiting(): Promise<number>
  /** Deletes all of them, whatever has become of them. */
  abstract clear(): Promise<void>
}

class PostgresTable extends EngineTable {
  readonly #client: Client
  readonly #table: string
  readonly #queue: string

  constructor(client: Client, schema: string, queue: string) {
    super()
    this.#client = client
    this.#table = `${schema}.job`
    this.#queue = queue
  }

  async waiting(): Promise<number> {
    const sql = `SELECT count(*)::int AS waiting FROM ${this.#table} WHERE name = $1 AND state < 'active'`
    return (await this.#client.query(sql, [this.#queue])).rows[0].waiting
  }

  async clear(): Promise<void> {
    await this.#client.query(`DELETE FROM ${this.#table} WHERE name = $1`, [this.#queue])
    // Rows that were deleted would slow the next round down.
    await this.#client.query(`VACUUM ${this.#table}`)
  }
}

class RedisTable extends EngineTable {
  readonly #client: Redis
  readonly #prefix: string

  constructor(client: Redis, prefix: string) {
    super()
    this.#client = client
    this.#prefix = prefix
  }

  waiting(): Promise<number> {
    return this.#client.llen(`${this.#prefix}wait`)
  }

  async clear(): Promise<void> {
    for (const list of ['wait', 'completed', 'failed', 'delayed']) {
      const key = `${this.#prefix}${list}`
      const ids = await (list === 'wait' ? this.#client.lrange(key, 0, -1) : this.#client.zrange(key, '0', '-1'))
      const keys = ids.map((id) => `${this.#prefix}${id}`)
      for (let from = 0; from < keys.length; from += 1000) await this.#client.unlink(keys.slice(from, from + 1000))
      await this.#client.unlink(key)
    }
  }
}
