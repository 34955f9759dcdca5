import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword, type AfterwordOptions, subscribe } from '../../src/index.ts'
import { testPostgres } from '../support/postgres.ts'
import { Reports } from '../support/reports.ts'
import { freshSchema, Tables } from './boss.ts'
import { type Library, libraries } from './transactions.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let schema: string
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => void (schema = freshSchema()))

function start(options: AfterwordOptions = {}): Afterword {
  return new Afterword({ engine: pgBoss({ connectionString: postgres.url, schema }), signals: false, ...options })
}

/** Resolves with the ids of so many runs of a job. */
function ran(job: string, count: number): Promise<string[]> {
  const ids: string[] = []
  return new Promise((resolve) => {
    const unsubscribe = subscribe('task:ended', ({ task, outcome }) => {
      if (task.name !== job || outcome.status !== 'done') return
      ids.push(task.id)
      if (ids.length < count) return
      unsubscribe()
      resolve(ids)
    })
  })
}

class Rollback extends Error {}

describe.each(Object.entries(libraries))('with({ tx }) and a transaction of %s', (_name, connect) => {
  let library: Library
  beforeAll(async () => void (library = await connect(postgres.url)))
  afterAll(() => library[Symbol.asyncDispose]())

  test('dispatch() adds two calls on the connection of the transaction, and they run once it is committed', async () => {
    await using afterword = start()
    const seen: unknown[] = []
    const Ship = afterword.job('ship', (order: number) => void seen.push(order))
    const first = ran('ship', 1)
    await Ship.dispatch(0)
    await first
    const both = ran('ship', 2)
    const ids: string[] = []
    await using tables = new Tables(postgres.url, schema)
    const stored = (await tables.calls('ship')).length
    await library.transaction(async ({ tx, count }) => {
      const inTx = Ship.with({ tx })
      ids.push(await inTx.dispatch(1), await inTx.with({ timeout: 5000 }).dispatch(2))
      expect(await count(`${schema}.job WHERE name = 'afterword/ship/1'`)).toBe(stored + 2)
      expect(await tables.calls('ship')).toHaveLength(stored)
    })
    expect((await both).sort()).toEqual(ids.sort())
    expect(seen.sort()).toEqual([0, 1, 2])
  })

  test('a call of a transaction that is rolled back is not there', async () => {
    await using afterword = start({ worker: false })
    const Ship = afterword.job('ship', (_order: number) => {})
    const rolledBack = library.transaction(async ({ tx }) => {
      await Ship.with({ tx }).dispatch(1)
      throw new Rollback('of the app')
    })
    await expect(rolledBack).rejects.toThrow(Rollback)
    await using tables = new Tables(postgres.url, schema)
    expect(await tables.calls('ship')).toEqual([])
  })

  test('a second call with a key has the id of the first one, also in the transaction of that', async () => {
    await using afterword = start({ worker: false })
    const Ship = afterword.job('ship', (_order: number) => {}, { key: (order) => `order ${order}` })
    const first = await Ship.dispatch(1)
    await library.transaction(async ({ tx }) => {
      const inTx = Ship.with({ tx })
      expect(await inTx.dispatch(1)).toBe(first)
      const second = await inTx.dispatch(2)
      expect(await inTx.dispatch(2)).toBe(second)
    })
    await using tables = new Tables(postgres.url, schema)
    expect(await tables.calls('ship')).toHaveLength(2)
  })

  test('a handler dispatches in a transaction of its own, with a journal before the engine, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
    await using afterword = start({ journal: folder })
    const Ship = afterword.job('ship', (_order: number) => {})
    const Order = afterword.job('order', () =>
      library.transaction(({ tx }) =>
        Ship.with({ tx })
          .dispatch(1)
          .then(() => {}),
      ),
    )
    const shipped = ran('ship', 1)
    await Order.dispatch()
    await shipped
    await afterword.close()
    rmSync(folder, { recursive: true })
  })

  test('what is no transaction is refused, by name', async () => {
    await using afterword = start({ worker: false })
    const dispatched = afterword
      .job('ship', () => {})
      .with({ tx: library.outside as never })
      .dispatch()
    await expect(dispatched).rejects.toMatchObject({
      code: 'AFTERWORD_INVALID_OPTION',
      message: expect.stringMatching(
        /expected tx to be a client of node-postgres after BEGIN.*, got an? (pool|\w+ of \w+)/,
      ),
    })
  })
})

test.each(Object.keys(libraries))(
  'a call that the database refuses rejects in its transaction of %s, with the cause',
  async (name) => {
    await using afterword = start({ worker: false })
    const Ship = afterword.job('ship', () => {})
    await Ship.dispatch()
    await using tables = new Tables(postgres.url, schema)
    await tables.calls('ship')
    await tables.boss.getDb().executeSql(`ALTER TABLE ${schema}.job ADD CHECK (data->>'args' <> '["the - secret"]')`)
    await using library = await (libraries[name] as (url: string) => Promise<Library>)(postgres.url)
    const refused = library.transaction(async ({ tx }) => {
      await afterword
        .job('ship', (_what: string) => {})
        .with({ tx })
        .dispatch('the - secret')
    })
    const error = await refused.catch((error: Error) => error)
    const words = 'new row for relation "job_common" violates check constraint "job_data_check"'
    expect(error).toMatchObject({ code: 'AFTERWORD_CALL_REFUSED', cause: { code: '23514', message: words } })
    expect(inspect(error, { depth: 9 })).not.toContain('secret')
    // The transaction has failed before: that is an answer, and no time-out.
    const late = library.transaction(async ({ tx, count }) => {
      await count('no_such_table').catch(() => {})
      await Ship.with({ tx }).dispatch()
    })
    await expect(late).rejects.toMatchObject({ code: 'AFTERWORD_CALL_REFUSED', cause: { code: '25P02' } })
  },
)

test.each(['without', 'behind'])(
  'a call whose unique key is in an open transaction waits for its end, and holds no other call up: %s a journal',
  async (place) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
    const afterword = start({ worker: false, ...(place === 'behind' && { journal: folder }) })
    using reports = new Reports()
    const Sync = afterword.job('sync', (_n: number) => {}, { key: (n) => String(n) })
    await using library = await (libraries['node-postgres'] as (url: string) => Promise<Library>)(postgres.url)
    await using tables = new Tables(postgres.url, schema)
    const calls = async () => (await tables.calls('sync')).map(({ data }) => data.args).sort()
    let first = ''
    let second: Promise<string> | undefined
    await library.transaction(async ({ tx }) => {
      first = await Sync.with({ tx }).dispatch(1)
      second = Sync.dispatch(1)
      for (let n = 2; n < 20; n++) await Sync.dispatch(n)
      await expect.poll(async () => (await calls()).length, { timeout: 60_000 }).toBe(18)
      await expect.poll(() => afterword.status(), { timeout: 60_000 }).toMatchObject({ engineAway: 0, sending: 1 })
    })
    if (place === 'without') expect(await second).toBe(first)
    await expect.poll(() => afterword.status().sending, { timeout: 60_000 }).toBe(0)
    expect((await calls()).filter((args) => args === '[1]')).toHaveLength(1)
    expect(reports.codes).toEqual([])
    await afterword.close()
    rmSync(folder, { recursive: true })
  },
)

test("with({ tx }) in an app's own database: the call is committed and rolled back with its transaction", async () => {
  using database = new DatabaseSync(':memory:')
  using other = new DatabaseSync(':memory:')
  await using afterword = new Afterword({ journal: { database }, signals: false })
  const seen: number[] = []
  const Ship = afterword.job('ship', (order: number) => void seen.push(order))
  const inTx = Ship.with({ tx: database })
  await expect(inTx.dispatch(0)).rejects.toThrow('expected tx to be in a transaction, got a database outside of one')
  await expect(Ship.with({ tx: other }).dispatch(0)).rejects.toThrow('got another one')
  database.exec('BEGIN')
  await inTx.dispatch(1)
  database.exec('ROLLBACK')
  const shipped = ran('ship', 1)
  database.exec('BEGIN')
  const id = await inTx.dispatch(2)
  database.exec('COMMIT')
  expect(await shipped).toEqual([id])
  expect(seen).toEqual([2])
})

test('where there are no transactions with({ tx }) is refused, and the error names what to do instead', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
  await using inFolder = new Afterword({ journal: folder, signals: false })
  await using inMemory = new Afterword({ signals: false })
  using _reports = new Reports()
  const redis = bullmq({ connection: 'redis://127.0.0.1:1' })
  await using onRedis = new Afterword({ engine: redis, signals: false, shutdownTimeout: 100 })
  await using engine = start({ worker: false })
  const tx = { query: async () => ({ rows: [] }) }
  const refusal = { code: 'AFTERWORD_NO_TRANSACTIONS', message: expect.stringContaining('an outbox of the app') }
  for (const afterword of [inFolder, inMemory, onRedis])
    await expect(
      afterword
        .job('ship', () => {})
        .with({ tx })
        .dispatch(),
    ).rejects.toMatchObject(refusal)
  await expect(
    engine
      .job('ship', () => {}, { keep: false })
      .with({ tx })
      .dispatch(),
  ).rejects.toMatchObject(refusal)
  const deferred = () => (engine.job('mail', () => {}).with({ tx }) as never as { defer(): void }).defer()
  expect(deferred).toThrow(expect.objectContaining({ code: 'AFTERWORD_DISPATCH_ONLY' }))
  await inFolder.close()
  rmSync(folder, { recursive: true })
})

test("with({ confirm: 'engine' }) behind a journal: dispatch() resolves when the engine has the call, with the id that stands for it", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
  await using afterword = start({ journal: folder, worker: false })
  const Ship = afterword.job('ship', (_order: number) => {}, { key: (order) => `order ${order}` })
  const Sure = Ship.with({ confirm: 'engine' })
  const id = await Sure.dispatch(1)
  await using tables = new Tables(postgres.url, schema)
  expect(await tables.calls('ship')).toMatchObject([{ id, state: 'created' }])
  expect(await Sure.dispatch(1)).toBe(id)
  await afterword.close()
  rmSync(folder, { recursive: true })
})

test("with({ confirm: 'engine' }) rejects where the engine refuses the call, where it is away, and where there is none", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
  using _reports = new Reports()
  await using afterword = start({ journal: folder, worker: false, holdTimeout: 60_000 })
  const Ship = afterword.job('ship', (_what: string) => {})
  await Ship.with({ confirm: 'engine' }).dispatch('good')
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('ship')
  await tables.boss.getDb().executeSql(`ALTER TABLE ${schema}.job ADD CHECK (data->>'args' <> '["bad"]')`)
  await expect(Ship.with({ confirm: 'engine' }).dispatch('bad')).rejects.toMatchObject({
    code: 'AFTERWORD_CALL_REFUSED',
  })
  const engine = pgBoss({ connectionString: 'postgres://postgres@127.0.0.1:1/postgres' })
  const other = mkdtempSync(join(tmpdir(), 'afterword-transactions-'))
  await using away = new Afterword({ engine, journal: other, signals: false, holdTimeout: 100 })
  await expect(
    away
      .job('ship', () => {})
      .with({ confirm: 'engine' })
      .dispatch(),
  ).rejects.toMatchObject({
    code: 'AFTERWORD_ENGINE_REFUSED',
  })
  await using none = new Afterword({ signals: false })
  await expect(
    none
      .job('ship', () => {})
      .with({ confirm: 'engine' })
      .dispatch(),
  ).rejects.toMatchObject({
    code: 'AFTERWORD_NO_ENGINE',
  })
  for (const one of [afterword, away]) await one.close()
  for (const one of [folder, other]) rmSync(one, { recursive: true })
})
