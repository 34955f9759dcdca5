import process from 'node:process'
import { AfterwordError, describe } from '../errors.ts'
import type { EngineOption } from '../options/engine-option.ts'
import { defineEngine } from './define-engine.ts'
import type { Boss } from './pg-boss/boss.ts'
import { BossClient } from './pg-boss/boss-client.ts'
import { checkBoss, makeBoss } from './pg-boss/boss-package.ts'

export type { Boss } from './pg-boss/boss.ts'

/**
 * The options of pg-boss: those of its own constructor. Some have other defaults here: workers are woken by notifications, pg-boss looks for
 * dead workers every second, and no schedules are kept.
 *
 * @example
 * configure({ engine: pgBoss({ connectionString: process.env.DATABASE_URL, schema: 'jobs' }) })
 */
export interface PgBossOptions {
  readonly connectionString?: string | undefined
  /** The schema of the tables. @default 'pgboss' */
  readonly schema?: string
  /** The most connections of this process. @default 10 */
  readonly max?: number
  /** All other options of the constructor. */
  readonly [option: string]: unknown
}

const engine = defineEngine({
  name: 'pg-boss',
  connect: (given: PgBossOptions | Boss) =>
    new BossClient(
      isBoss(given)
        ? { boss: checkBoss(given), isGiven: true }
        : { boss: makeBoss({ ...defaults, ...given }), isGiven: false },
    ),
})

const defaults = { useListenNotify: true, schedule: false, superviseIntervalSeconds: 1, monitorIntervalSeconds: 1 }

/**
 * Names pg-boss as the engine, in a Postgres database: any process on it runs the jobs that another one has dispatched or deferred.
 *
 * @param given the options of pg-boss, or an instance of the app's own, which the app stops when the instance of Afterword is closed
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION` where nothing says which database, and in `configure` `AFTERWORD_ENGINE_MISSING`
 *
 * @example
 * configure({ engine: pgBoss({ connectionString: process.env.DATABASE_URL }) })
 */
export function pgBoss(given: PgBossOptions | Boss): EngineOption {
  if (typeof given !== 'object' || given === null) {
    const expected = 'its options, { connectionString }, or an instance'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', ['pgBoss', 'its argument', expected, describe(given)])
  }
  if (!isBoss(given) && !namesServer(given)) {
    const expected = 'the URL of a database, or PGHOST and its kin in the environment'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
      'pgBoss',
      'connectionString',
      expected,
      describe(given.connectionString),
    ])
  }
  return engine(given)
}

/**
 * The options say where the database is, or the environment does. Without a word pg takes a server of this machine, which nobody means who
 * has forgotten to set DATABASE_URL. https://www.postgresql.org/docs/current/libpq-envars.html
 */
function namesServer(given: PgBossOptions): boolean {
  const isNamed = ['connectionString', 'host', 'port', 'database', 'db'].some((option) => isSet(given[option]))
  return isNamed || ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGSERVICE'].some((name) => isSet(process.env[name]))
}

/** A value is there; a line of an `.env` file may be empty. */
const isSet = (value: unknown) => value !== undefined && value !== ''

function isBoss(given: PgBossOptions | Boss): given is Boss {
  return typeof given.insert === 'function'
}
