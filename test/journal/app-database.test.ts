import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword, subscribe } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-app-'))
  file = join(folder, 'app.db')
})
afterEach(() => rmSync(folder, { recursive: true }))

const libraries = {
  'node:sqlite': (path: string) => new DatabaseSync(path),
  'better-sqlite3': (path: string) => new BetterSqlite3(path),
}

describe.each(Object.entries(libraries))('configure({ journal: { database } }) with %s', (_name, open) => {
  const rows = (database: ReturnType<typeof open>, sql: string) => database.prepare(sql).all() as { n: number }[]

  test('job.defer() in a transaction is committed with it', async () => {
    const database = open(file)
    database.exec('CREATE TABLE orders (n INTEGER)')
    await using afterword = new Afterword({ journal: { database } })
    const ran: number[] = []
    const Ship = afterword.job('ship', (n: number) => void ran.push(n))
    await using site = await serve(afterword, (_req, res) => {
      database.exec('BEGIN')
      database.exec('INSERT INTO orders VALUES (1)')
      Ship.defer(1)
      // In the very same transaction.
      expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 1 }])
      database.exec('COMMIT')
      res.end('ordered')
    })
    expect(await site.get()).toBe('ordered')
    await afterword.drain()
    expect(ran).toEqual([1])
  })

  test('job.defer() in a transaction is rolled back with it, and the handler decides the answer', async () => {
    const database = open(file)
    await using afterword = new Afterword({ journal: { database } })
    const ran: number[] = []
    const Ship = afterword.job('ship', (n: number) => void ran.push(n))
    const outcomes: unknown[] = []
    await using site = await serve(afterword, (_req, res) => {
      database.exec('BEGIN')
      const task = Ship.defer(1)
      void task.outcome.then((outcome) => outcomes.push(outcome))
      database.exec('ROLLBACK')
      res.end('sold out')
    })
    expect(await site.get()).toBe('sold out')
    await afterword.drain()
    expect(ran).toEqual([])
    expect(outcomes).toEqual([{ status: 'cancelled', reason: 'rolled-back' }])
    expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 0 }])
  })

  test('await job.dispatch() in a transaction resolves there', async () => {
    const database = open(file)
    await using afterword = new Afterword({ journal: { database } })
    const ran: number[] = []
    const Ship = afterword.job('ship', (n: number) => void ran.push(n))
    const shipLater = Ship.with({ delay: 1 })
    for (const [n, end] of [
      [1, 'ROLLBACK'],
      [2, 'COMMIT'],
    ] as const) {
      database.exec('BEGIN')
      const ids = [await Ship.dispatch(n), await shipLater.dispatch(10 * n)]
      expect(ids).toEqual([expect.any(String), expect.any(String)])
      expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 2 }])
      expect(ran).toEqual([])
      database.exec(end)
    }
    while (ran.length < 2) await new Promise(setImmediate)
    await afterword.close()
    expect(ran.sort()).toEqual([2, 20])
    expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 0 }])
  })

  test('job.defer() in a transaction that lasts: no job runs and the response waits until the transaction has ended', async () => {
    const database = open(file)
    await using afterword = new Afterword({ journal: { database } })
    const events: string[] = []
    const Ship = afterword.job('ship', () => void events.push('ran'))
    await using site = await serve(afterword, async (_req, res) => {
      database.exec('BEGIN')
      const { accepted } = Ship.defer()
      const dispatched = Ship.dispatch()
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      events.push('committing')
      database.exec('COMMIT')
      await Promise.all([accepted, dispatched])
      res.end('fine')
    })
    expect(await site.get()).toBe('fine')
    await afterword.drain()
    expect(events).toEqual(['committing', 'ran', 'ran'])
  })

  test('job.defer() in a loop over the rows of a query is stored when the rows were read', async () => {
    const database = open(file)
    database.exec('CREATE TABLE users (n INTEGER); INSERT INTO users VALUES (1), (2), (3)')
    await using afterword = new Afterword({ journal: { database } })
    const ran: number[] = []
    const Remind = afterword.job('remind', (n: number) => void ran.push(n))
    using reports = new Reports()
    const tasks = []
    for (const { n } of database.prepare('SELECT n FROM users').iterate() as Iterable<{ n: number }>) {
      tasks.push(Remind.defer(n))
    }
    await Promise.all(tasks.map(({ accepted }) => accepted))
    // A cursor that stays open over several turns: what waits belongs to no transaction that begins meanwhile.
    const cursor = database.prepare('SELECT n FROM users').iterate()
    cursor.next()
    const late = Remind.defer(4)
    await new Promise(setImmediate)
    cursor.return?.()
    database.exec('BEGIN')
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    database.exec('ROLLBACK')
    await late.accepted
    await afterword.drain()
    expect(ran).toEqual([1, 2, 3, 4])
    expect(reports.codes).toEqual([])
  })

  test('a rollback of the app keeps the transitions of other records', async () => {
    using reports = new Reports()
    const database = open(file)
    const afterword = new Afterword({ journal: { database }, slowTask: Infinity })
    const { promise, resolve } = Promise.withResolvers<void>()
    const Ship = afterword.job('ship', () => promise)
    const { outcome } = Ship.defer()
    const begun = Promise.withResolvers<void>()
    afterword.defer(() => begun.resolve())
    await begun.promise
    database.exec('BEGIN')
    resolve()
    await outcome
    // In all that time, it would have been stored that it is done.
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setTimeout(next, 1))
    database.exec('ROLLBACK')
    await afterword.close()
    expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 0 }])
    expect(reports.codes).toEqual([])
  })

  test('job.defer() without a transaction is stored at once', async () => {
    const database = open(file)
    await using afterword = new Afterword({ journal: { database } })
    const Ship = afterword.job('ship', () => {})
    const task = Ship.defer()
    expect(rows(database, 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 1 }])
    expect((await task.outcome).status).toBe('done')
  })

  test('delay, key, failed records and the next process work as in a folder', async () => {
    using reports = new Reports()
    const database = open(file)
    const before = new Afterword({ journal: { database }, worker: false, shutdownTimeout: 0 })
    const free = Promise.withResolvers<void>()
    const Ship = before.job('ship', (_n: number) => free.promise, { key: 'one' })
    const Fail = before.job('fail', () => Promise.reject(new Error('no luck')), { retries: 0 })
    const task = Ship.defer(1)
    expect(await Ship.defer(2).outcome).toEqual({ status: 'cancelled', reason: 'duplicate' })
    const later = await before
      .job('later', () => {})
      .with({ delay: 50 })
      .dispatch()
    await Fail.defer().outcome
    await before.close()
    expect(database.prepare('SELECT job FROM afterword_failed').all()).toEqual([{ job: 'fail' }])
    database.close()
    // The outcome comes too late to be stored; until then no other process runs the job.
    free.resolve()

    const again = open(file)
    await using after = new Afterword({ journal: { database: again } })
    const ran = new Map<string, unknown>()
    const both = Promise.withResolvers<void>()
    const note = (n?: number) => {
      ran.set(String(after.currentTask()?.id), n)
      if (ran.size === 2) both.resolve()
    }
    after.job('ship', note, { key: 'one' })
    after.job('later', note)
    await both.promise
    expect(ran).toEqual(
      new Map([
        [task.id, 1],
        [later, undefined],
      ]),
    )
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
  })

  test('job.dispatch() without room leaves the record on the disk until a worker has room', async () => {
    const database = open(file)
    await using afterword = new Afterword({ journal: { database }, worker: { concurrency: 2 } })
    let most = 0
    let running = 0
    const all = Promise.withResolvers<void>()
    let done = 0
    const Work = afterword.job('work', async () => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      if (++done === 20) all.resolve()
    })
    await Promise.all(Array.from({ length: 20 }, () => Work.dispatch()))
    await all.promise
    expect(most).toBe(2)
  })

  test.each([
    ['is done', () => {}],
    ['has failed', () => Promise.reject(new Error('no luck'))],
  ])('the key of a record that %s is free within a transaction, too', async (_what, handler) => {
    const database = open(file)
    using _reports = new Reports()
    await using afterword = new Afterword({ journal: { database } })
    const Ship = afterword.job('ship', handler, { key: 'one', retries: 0 })
    for (let i = 0; i < 5; i++) {
      const { status } = await Ship.defer().outcome
      database.exec('BEGIN')
      const next = Ship.defer()
      database.exec('COMMIT')
      expect(await next.outcome).toMatchObject({ status })
    }
  })

  test('onShutdown() may close the database: records that have run do not run again', async () => {
    const database = open(file)
    using reports = new Reports()
    const afterword = new Afterword({ journal: { database } })
    afterword.onShutdown(() => void database.close())
    const ran = afterword.job('ship', () => {}).defer()
    await ran.accepted
    await afterword.close()
    expect(await ran.outcome).toMatchObject({ status: 'done' })
    expect(rows(open(file), 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 0 }])
    expect(reports.codes).toEqual([])
  })

  test('a database that is closed too early is reported, and keeps no record of the open transaction', async () => {
    const database = open(file)
    using reports = new Reports()
    const afterword = new Afterword({ journal: { database } })
    const Ship = afterword.job('ship', () => {})
    database.exec('BEGIN')
    const ship = Ship.defer()
    await new Promise(setImmediate)
    const reported = reports.next
    database.close()
    expect(await ship.outcome).toMatchObject({ status: 'cancelled' })
    await reported
    await afterword.close()
    expect(new Set(reports.codes)).toEqual(new Set(['AFTERWORD_JOURNAL_REFUSED']))
    expect(rows(open(file), 'SELECT count(*) AS n FROM afterword_records')).toEqual([{ n: 0 }])
  })

  test('configure() refuses a closed database', () => {
    const database = open(file)
    database.close()
    const error = { code: 'AFTERWORD_JOURNAL_FOLDER', message: expect.stringContaining("app's own database") }
    expect(() => new Afterword({ journal: { database } })).toThrow(expect.objectContaining(error))
  })

  test('configure({ journal: { database } }) takes a database in memory', async () => {
    await using afterword = new Afterword({ journal: { database: open(':memory:') } })
    expect((await afterword.job('ship', () => 1).defer().outcome).status).toBe('done')
  })
})

test('two instances on one database do not claim records of each other until one ends', async () => {
  const one = new Afterword({ journal: { database: new DatabaseSync(file) }, shutdownTimeout: 0 })
  using _reports = new Reports()
  const started = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const Hang = one.job('ship', () => {
    started.resolve()
    return free.promise
  })
  const { id } = Hang.defer()
  await started.promise
  await using two = new Afterword({ journal: { database: new DatabaseSync(file) } })
  const ran = Promise.withResolvers<unknown>()
  const deferred = subscribe('task:started', ({ task }) => ran.resolve(task.id))
  two.job('ship', () => {})
  await one.close()
  free.resolve()
  expect(await ran.promise).toBe(id)
  deferred()
})

test.each([
  [{}, 'either path or database'],
  [{ path: 'a', database: new DatabaseSync(':memory:') }, 'either path or database'],
  [{ database: {} }, 'an open DatabaseSync'],
])('configure() refuses a journal that is neither folder nor database: %o', (journal, expected) => {
  expect(() => new Afterword({ journal: journal as never })).toThrow(expected)
})
