import { AfterwordError, describe } from '../../errors.ts'
import type { BossDatabase } from './boss.ts'
import { adapters } from './boss-package.ts'

/** The members by which the transactions of libraries are told apart. */
interface AnyTransaction {
  readonly query?: (text: string, values: unknown[]) => Promise<{ rows: unknown[] }>
  readonly raw?: unknown
  readonly executeQuery?: unknown
  readonly execute?: (query: object) => PromiseLike<unknown>
  readonly rollback?: unknown
  readonly $queryRawUnsafe?: unknown
  readonly isTransaction?: unknown
  readonly totalCount?: unknown
  getTransactionStatus?(): string | null
}

/**
 * Takes a transaction of the app for a connection of pg-boss.
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION` for what is none: a pool, or a database outside a transaction
 */
export function transactionDatabase(job: string, tx: object): BossDatabase {
  const { query, raw, executeQuery, execute, rollback, $queryRawUnsafe, isTransaction, totalCount } =
    tx as AnyTransaction
  const refuse = (got: string) =>
    new AfterwordError('AFTERWORD_INVALID_OPTION', [`job("${job}").with`, 'tx', known, got])
  // The prepared statements of an ORM are none of the things that are called here.
  if (isFunction($queryRawUnsafe)) {
    if (
      isFunction((tx as { $transaction?: unknown }).$transaction) &&
      isFunction((tx as { $connect?: unknown }).$connect)
    )
      throw refuse('a client of Prisma outside a transaction')
    return adapters().fromPrisma(tx)
  }
  if (isFunction(executeQuery)) {
    if (isTransaction !== true) throw refuse('an instance of Kysely outside a transaction')
    return adapters().fromKysely(tx)
  }
  if (isFunction(raw)) {
    if (isTransaction !== true) throw refuse('an instance of Knex outside a transaction')
    return withoutQuery(adapters().fromKnex(tx))
  }
  if (isFunction(execute)) {
    if (!isFunction(rollback)) throw refuse('a database of Drizzle outside a transaction')
    return drizzle(tx as Required<AnyTransaction>)
  }
  if (!isFunction(query)) throw refuse(describe(tx))
  if (totalCount !== undefined) throw refuse('a pool, whose statements go to any connection')
  // Earlier versions of pg do not tell.
  if ((tx as AnyTransaction).getTransactionStatus?.() === 'I') throw refuse('a client outside a transaction')
  return { executeSql: (text, values = []) => (tx as Required<AnyTransaction>).query(text, values) }
}

const known = 'a client of node-postgres after BEGIN, or the transaction of Knex, Kysely, Drizzle or Prisma'

const isFunction = (value: unknown) => typeof value === 'function'

/** Knex puts the query before the words of Postgres, with the arguments of the call. */
function withoutQuery(db: BossDatabase): BossDatabase {
  return {
    executeSql: (text, values) =>
      db.executeSql(text, values).catch((error: Error & { code?: unknown; severity?: unknown }) => {
        const { message, code, severity } = error
        const words = message.slice(message.lastIndexOf(' - ') + 1).replace(/^- /, '')
        throw Object.assign(new Error(words), { code, severity })
      }),
  }
}

/**
 * Drizzle takes a statement by what its `SQLWrapper` is asked for. The adapter of pg-boss wants the function `sql` of the copy of Drizzle that
 * made the transaction, which only the app can give.
 */
function drizzle(tx: { execute(query: object): PromiseLike<unknown> }): BossDatabase {
  return {
    async executeSql(text, values = []) {
      const statement = { toQuery: () => ({ sql: text, params: values }) }
      const answer = await tx.execute({ getSQL: () => statement })
      return { rows: Array.isArray(answer) ? answer : (answer as { rows: unknown[] }).rows }
    },
  }
}
