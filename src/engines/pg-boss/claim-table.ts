import type { Boss, BossAttempt } from './boss.ts'
import { tableOf } from './call-rows.ts'
import type { Session } from './session.ts'

/** The classes of the advisory locks: that of owners, and that of the one who looks for dead ones. */
export const ownerLock = 0x41_46_54_4f
export const watchLock = 0x41_46_54_57

/** The claims of a batch of runs. */
export interface BatchClaims {
  readonly queue: string
  readonly attempts: readonly BossAttempt[]
}

/**
 * The table that tells whose claims are whose: pg-boss has no word for that. An owner is a connection, whose number is the key of an advisory lock
 * that it holds. A row is written once for each batch of runs, not for each run. A server that dies forgets the table: so it has its owners.
 */
export class ClaimTable {
  readonly #name: string
  /** The schema: two of a database have nothing to do with each other. */
  readonly schema: string

  private constructor(schema: string) {
    this.schema = schema
    this.#name = `${schema}.afterword_claim`
  }

  /** Makes the table, unless it is there. @param queue the name of one that is there */
  static async open(boss: Boss, session: Session, queue: string): Promise<ClaimTable> {
    const [schema = ''] = (await tableOf(boss, queue)).split('.', 1)
    const table = new ClaimTable(schema)
    // One that is there needs no right to make tables.
    const { rows } = await session.query('SELECT to_regclass($1) AS name', [table.#name])
    if ((rows as { name: string | null }[])[0]?.name === null) await table.#make(session)
    return table
  }

  async #make(session: Session): Promise<void> {
    await session
      .query(
        `CREATE UNLOGGED TABLE IF NOT EXISTS ${this.#name}
          (owner integer, batch integer, queue text NOT NULL, attempts text NOT NULL, PRIMARY KEY (owner, batch))`,
      )
      .catch((error: Error & { code?: unknown }) => {
        // Another process has made it in this moment.
        if (error.code !== uniqueViolation && error.code !== duplicateTable) throw error
      })
  }

  /** Writes the claims of batches, and forgets those of others that are over. */
  async change(
    session: Session,
    owner: number,
    begun: ReadonlyMap<number, BatchClaims>,
    over: readonly number[],
  ): Promise<void> {
    const rows = Array.from(begun, ([batch, { queue, attempts }]) => ({
      batch,
      queue,
      attempts: JSON.stringify(attempts.map(({ id, retryCount }) => ({ id, retryCount }))),
    }))
    await session.query(
      `WITH gone AS (DELETE FROM ${this.#name} WHERE owner = $1 AND batch = ANY($2::integer[]))
      INSERT INTO ${this.#name} (owner, batch, queue, attempts)
        SELECT $1, batch, queue, attempts FROM json_to_recordset($3::json) AS begun(batch integer, queue text, attempts text)`,
      [owner, over, JSON.stringify(rows)],
    )
  }

  async forget(session: Session, owner: number): Promise<void> {
    await session.query(`DELETE FROM ${this.#name} WHERE owner = $1`, [owner])
  }

  /** Finds the owners that have claims and do not hold their lock. */
  async withoutLock(session: Session): Promise<ReadonlySet<number>> {
    const { rows } = await session.query(
      `SELECT DISTINCT owner FROM ${this.#name} WHERE NOT EXISTS (SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND classid = $1 AND objid = owner::oid AND objsubid = 2 AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`,
      [ownerLock],
    )
    return new Set((rows as { owner: number }[]).map(({ owner }) => owner))
  }

  async claimsOf(session: Session, owner: number): Promise<BatchClaims[]> {
    const { rows } = await session.query(`SELECT queue, attempts FROM ${this.#name} WHERE owner = $1`, [owner])
    return (rows as { queue: string; attempts: string }[]).map(({ queue, attempts }) => ({
      queue,
      attempts: JSON.parse(attempts),
    }))
  }
}

const uniqueViolation = '23505'
const duplicateTable = '42P07'
