import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import knex from 'knex'
import { Kysely, sql as kyselySql, PostgresDialect } from 'kysely'
import pg from 'pg'
import type { Transaction } from '../../src/index.ts'
import { connectPrisma } from './prisma.ts'

/** A transaction of a library, and a statement in it. */
interface Opened {
  readonly tx: Transaction
  /** Counts the rows that the transaction sees. */
  count(table: string): Promise<number>
}

/** A library for Postgres, with its own way of transactions. */
export interface Library extends AsyncDisposable {
  /** Calls `fn` in a transaction, which is rolled back if `fn` throws. */
  transaction(fn: (opened: Opened) => Promise<void>): Promise<void>
  /** The library outside a transaction. */
  readonly outside: object
}

export const libraries: Readonly<Record<string, (url: string) => Promise<Library>>> = {
  'node-postgres': async (connectionString) => {
    const pool = new pg.Pool({ connectionString })
    return {
      outside: pool,
      async transaction(fn) {
        const client = await pool.connect()
        try {
          await client.query('BEGIN')
          await fn({ tx: client, count: async (table) => (await client.query(counting(table))).rows[0].count })
          await client.query('COMMIT')
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        } finally {
          client.release()
        }
      },
      [Symbol.asyncDispose]: () => pool.end(),
    }
  },
  Knex: async (connection) => {
    const db = knex({ client: 'pg', connection })
    return {
      outside: db,
      transaction: (fn) =>
        db.transaction((tx) => fn({ tx, count: async (table) => (await tx.raw(counting(table))).rows[0].count })),
      [Symbol.asyncDispose]: () => db.destroy(),
    }
  },
  Kysely: async (connectionString) => {
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString }) }) })
    return {
      outside: db,
      transaction: (fn) =>
        db.transaction().execute((tx) =>
          fn({
            tx,
            async count(table) {
              const { rows } = await kyselySql<{ count: number }>`${kyselySql.raw(counting(table))}`.execute(tx)
              return rows[0]?.count as number
            },
          }),
        ),
      [Symbol.asyncDispose]: () => db.destroy(),
    }
  },
  Drizzle: async (connectionString) => {
    const pool = new pg.Pool({ connectionString })
    const db = drizzle(pool)
    return {
      outside: db,
      transaction: (fn) =>
        db.transaction((tx) =>
          fn({
            tx,
            count: async (table) => (await tx.execute(drizzleSql.raw(counting(table)))).rows[0]?.count as number,
          }),
        ),
      [Symbol.asyncDispose]: () => pool.end(),
    }
  },
  Prisma: async (url) => {
    const prisma = await connectPrisma(url)
    return {
      outside: prisma,
      transaction: (fn) =>
        prisma.$transaction((tx) =>
          fn({
            tx,
            count: async (table) =>
              (await tx.$queryRawUnsafe<{ count: number }[]>(counting(table)))[0]?.count as number,
          }),
        ),
      [Symbol.asyncDispose]: () => prisma.$disconnect(),
    }
  },
}

const counting = (table: string) => `SELECT count(*)::int AS count FROM ${table}`
