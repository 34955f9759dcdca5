import type { AppDatabase } from './app-database.ts'

/** The client of node-postgres, after `BEGIN`. */
interface PgClient {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>
}

interface KnexTransaction {
  raw(sql: string, bindings: readonly unknown[]): PromiseLike<{ rows: unknown[] }>
  commit(): unknown
}

interface KyselyTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: the nodes and ids of Kysely are its own
  executeQuery(query: { sql: string; parameters: readonly unknown[]; query: any; queryId: any }): Promise<{
    readonly rows: unknown[]
  }>
  readonly isTransaction: boolean
}

interface DrizzleTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: the statements of Drizzle are its own
  execute(query: any): PromiseLike<unknown>
  rollback(): never
}

interface PrismaTransaction {
  $queryRawUnsafe(query: string, ...values: unknown[]): PromiseLike<unknown>
}

/**
 * A transaction of the app, typed by the part that is used: on Postgres the client of node-postgres after `BEGIN`, the `trx` of Knex or Kysely,
 * the `tx` of Drizzle or Prisma; on SQLite the database that `journal: { database }` names, after `BEGIN`.
 *
 * @example
 * await db.transaction(async (tx: Transaction) => {
 *   await Ship.with({ tx }).dispatch(order.id)
 * })
 */
export type Transaction =
  | PgClient
  | KnexTransaction
  | KyselyTransaction
  | DrizzleTransaction
  | PrismaTransaction
  | AppDatabase
