import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { isIdle } from '../../src/engines/pg-boss/idle-queue.ts'
import { type Boss, pgBoss } from '../../src/engines/pg-boss.ts'
import { UnworkedQueues } from '../../src/engines/unworked-queues.ts'
import { Afterword, type AfterwordOptions, Retry } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { serve } from '../support/local-site.ts'
import { testPostgres } from '../support/postgres.ts'
import { Reports } from '../support/reports.ts'
import { freshSchema, Tables } from './boss.ts'
import { expectRoomForThree } from './room.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let schema: string
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => void (schema = freshSchema()))

/** An instance on the tables of this test. */
function start(options: AfterwordOptions = {}): Afterword {
  return new Afterword({ engine: pgBoss({ connectionString: postgres.url, schema }), signals: false, ...options })
}

/** Resolves when the tables hold a call of the job in that state. */
async function inState(job: string, state: string) {
  await using tables = new Tables(postgres.url, schema)
  for (;;) {
    const found = (await tables.calls(job)).find((call) => call.state === state)
    if (found !== undefined) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('dispatch() resolves with the id of the call, which a worker runs once', async () => {
  await using afterword = start()
  const runs = Promise.withResolvers<unknown>()
  const Send = afterword.job('send', (to: string, { at }: { at: Date }) => {
    runs.resolve({ to, at, id: afterword.currentTask()?.id, attempt: afterword.currentTask()?.attempt })
  })
  const id = await Send.dispatch('a\0😀\ud83d', { at: new Date(7) })
  expect(await runs.promise).toEqual({ to: 'a\0😀\ud83d', at: new Date(7), id, attempt: 1 })
  expect(await inState('send', 'completed')).toMatchObject({ id, retryCount: 0 })
})

test('a response leaves when the engine has its jobs, which no worker gets before the response has ended', async () => {
  await using afterword = start()
  const events: string[] = []
  const Send = afterword.job('send', () => void events.push('ran'))
  const Other = afterword.job('other', () => void events.push('other ran'))
  const ran = ended('send')
  await using site = await serve(afterword, async (_req, res) => {
    Send.defer()
    // A worker that could run the call would have run it by the time that another one has.
    const other = ended('other')
    await Other.dispatch()
    await other
    events.push('ended')
    res.on('finish', () => events.push('sent'))
    res.end('fine')
  })
  expect(await site.get()).toBe('fine')
  await ran
  expect(events.slice(0, 2)).toEqual(['other ran', 'ended'])
  expect(events.slice(2).sort()).toEqual(['ran', 'sent'])
})

test('a deferred call can be cancelled until its response ends, and replaced by name', async () => {
  await using afterword = start()
  const seen: string[] = []
  const Send = afterword.job('send', (what: string) => void seen.push(what))
  await using site = await serve(afterword, (_req, res) => {
    expect(Send.defer('cancelled').cancel()).toBe(true)
    Send.with({ name: 'mail' }).defer('replaced')
    Send.with({ name: 'mail' }).defer('last')
    res.end('fine')
  })
  const ran = ended('send')
  await site.get()
  await ran
  const next = ended('send')
  await Send.dispatch('dispatched')
  await next
  expect(seen).toEqual(['last', 'dispatched'])
})

test('outside a request, defer() hands the call to the engine at once', async () => {
  await using afterword = start()
  const Send = afterword.job('send', () => {})
  const ran = ended('send')
  const task = Send.defer()
  await task.accepted
  expect(await ran).toEqual([{ id: task.id, attempt: 1, status: 'done' }])
  expect(await task.outcome).toEqual({ status: 'cancelled', reason: 'kept' })
  expect(task.cancel()).toBe(false)
})

test('a call begins by a notification, long before a worker would have looked', async () => {
  await using afterword = start()
  const waits: number[] = []
  let called = 0
  const Quick = afterword.job('quick', () => void waits.push(performance.now() - called))
  for (let call = 0; call < 20; call++) {
    const end = ended('quick')
    called = performance.now()
    await Quick.dispatch()
    await end
  }
  // Workers look every two seconds, so half of them would have waited for a second.
  waits.sort((a, b) => a - b)
  expect(waits[10]).toBeLessThan(500)
})

test('a job that fails is tried again after its backoff, and counts its attempts', async () => {
  await using afterword = start()
  using reports = new Reports()
  const attempts: (number | undefined)[] = []
  const stored: unknown[] = []
  const Flaky = afterword.job(
    'flaky',
    async () => {
      attempts.push(afterword.currentTask()?.attempt)
      stored.push((await inState('flaky', 'active')).data)
      if (attempts.length < 3) throw Retry.after(attempts.length === 1 ? 0 : 300)
    },
    { retries: 5 },
  )
  const runs = ended('flaky')
  const id = await Flaky.dispatch()
  await runs
  expect(attempts).toEqual([1, 2, 3])
  expect(stored).toMatchObject([{ attempt: 0 }, { attempt: 1 }, { attempt: 2 }])
  expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED'])
  expect(await inState('flaky', 'completed')).toMatchObject({ id })
})

test('a job that fails for good is listed as failed, with its error, and lets its key go', async () => {
  await using afterword = start()
  using reports = new Reports()
  const Fail = afterword.job('fail', () => Promise.reject(new Error('no luck')), { retries: 1, backoff: 0, key: 'one' })
  const runs = ended('fail')
  const id = await Fail.dispatch()
  expect(await runs).toEqual([{ id, attempt: 2, status: 'failed' }])
  const failed = await inState('fail', 'failed')
  expect(failed).toMatchObject({ id, data: { attempt: 2, reason: 'failed' } })
  expect(failed.output?.error).toMatch(/^Error: no luck\n +at /)
  expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED'])
  const again = ended('fail')
  expect(await Fail.dispatch()).not.toBe(id)
  await again
})

test('a run that takes longer than its timeout has its signal aborted', async () => {
  await using afterword = start()
  using reports = new Reports()
  const aborted = Promise.withResolvers<unknown>()
  const Slow = afterword.job('slow', () => {
    const { signal } = afterword.currentTask() ?? {}
    signal?.addEventListener('abort', () => aborted.resolve(signal.reason))
    return new Promise(() => {})
  })
  await Slow.with({ timeout: 50, retries: 0 }).dispatch()
  expect(await aborted.promise).toMatchObject({ code: 'AFTERWORD_TASK_TIMED_OUT' })
  expect(await inState('slow', 'failed')).toMatchObject({ data: { reason: 'timed-out' } })
  expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT'])
})

test('a second call with a key is not added while the first one waits or runs', async () => {
  await using afterword = start()
  const { promise, resolve } = Promise.withResolvers<void>()
  const runs: string[] = []
  const Sync = afterword.job(
    'sync',
    (who: string) => {
      runs.push(who)
      return promise
    },
    { key: (who) => `user ${who}` },
  )
  const first = await Sync.dispatch('ada')
  const [second, other] = await Promise.all([Sync.dispatch('ada'), Sync.dispatch('bob')])
  expect(second).toBe(first)
  expect(other).not.toBe(first)
  const deferred = Sync.defer('ada')
  expect(await deferred.outcome).toEqual({ status: 'cancelled', reason: 'duplicate' })
  expect(deferred.id).toBe(first)
  const both = ended('sync', 2)
  resolve()
  await both
  expect(runs.sort()).toEqual(['ada', 'bob'])
  await inState('sync', 'completed')
  const third = ended('sync')
  expect(await Sync.dispatch('ada')).not.toBe(first)
  await third
})

test('a delayed call does not run before its time', async () => {
  await using afterword = start()
  const ran = Promise.withResolvers<number>()
  const Remind = afterword.job('remind', () => ran.resolve(Date.now()))
  const called = Date.now()
  await Remind.with({ delay: 1500 }).dispatch()
  expect((await ran.promise) - called).toBeGreaterThanOrEqual(1500)
})

test('a call that is past its time does not run', async () => {
  await using afterword = start()
  const Late = afterword.job('late', () => {})
  const outcome = ended('late')
  await Late.with({ delay: 200, expires: 50 }).dispatch()
  expect(await outcome).toMatchObject([{ attempt: 0, status: 'cancelled' }])
  await inState('late', 'completed')
})

test('cancel() withdraws a call that waits, by its id or its key, and none that runs', async () => {
  await using afterword = start()
  const begun = Promise.withResolvers<void>()
  const { promise, resolve } = Promise.withResolvers<void>()
  const Job = afterword.job('job', (_what: string) => {
    begun.resolve()
    return promise
  })
  const id = await Job.with({ delay: 3_600_000 }).dispatch('by id')
  await Job.with({ delay: 3_600_000, key: 'k' }).dispatch('by key')
  expect(await afterword.cancel(id)).toBe(true)
  expect(await afterword.cancel(id)).toBe(false)
  expect(await Job.cancel({ key: 'other' })).toBe(false)
  expect(await Job.cancel({ key: 'k' })).toBe(true)
  expect(await afterword.cancel('no id of this engine')).toBe(false)
  const running = await Job.dispatch('running')
  await begun.promise
  expect(await afterword.cancel(running)).toBe(false)
  const ran = ended('job')
  resolve()
  expect(await ran).toMatchObject([{ id: running, status: 'done' }])
})

test('options that are bound to a call are stored with it', async () => {
  await using afterword = start({ worker: false })
  using _reports = new Reports()
  const Fail = afterword.job('fail', () => Promise.reject(new Error('no')), { retries: 5, backoff: 0 })
  await Fail.with({ retries: 0 }).dispatch()
  const outcome = ended('fail')
  afterword.work()
  expect(await outcome).toMatchObject([{ attempt: 1, status: 'failed' }])
})

test('no more calls run at once than the worker and the job allow', async () => {
  await using afterword = start({ worker: { concurrency: 3 } })
  await expectRoomForThree(afterword)
})

test('calls that pg-boss hands out together end each by itself: one that fails, and one that takes long', async () => {
  await using afterword = start({ worker: false })
  using _reports = new Reports()
  const gate = Promise.withResolvers<void>()
  const Work = afterword.job(
    'work',
    async (what: string) => {
      if (what === 'fails') throw new Error('no luck')
      if (what === 'is slow') await gate.promise
    },
    { retries: 0 },
  )
  for (const what of ['is slow', 'is fast', 'fails', 'is fast']) await Work.dispatch(what)
  const three = ended('work', 3)
  afterword.work()
  await three
  await using tables = new Tables(postgres.url, schema)
  const states = async () => (await tables.calls('work')).map(({ data, state }) => `${data.args} ${state}`).sort()
  const expected = ['["fails"] failed', '["is fast"] completed', '["is fast"] completed', '["is slow"] active']
  await expect.poll(states).toEqual(expected)
  // The slow one takes one place, and keeps no worker from what comes later.
  const next = ended('work')
  await Work.dispatch('is fast')
  await next
  const last = ended('work')
  gate.resolve()
  await last
  await expect.poll(states).toEqual([expected[0], ...Array(3).fill(expected[1]), '["is slow"] completed'])
})

test('the items of a batch run together, and each is settled by itself', async () => {
  await using afterword = start()
  const batches: number[][] = []
  const Track = afterword.batch<number>('track', (items) => void batches.push(items.sort()), {
    size: 3,
    within: 60_000,
  })
  const all = ended('track', 3)
  for (const item of [1, 2, 3]) Track.defer(item)
  await all
  expect(batches).toEqual([[1, 2, 3]])
})

test('a process that ends hands its claims back: they run elsewhere at once, and no attempt is counted', async () => {
  const before = start({ worker: { concurrency: 2 }, shutdownTimeout: 200 })
  using _reports = new Reports()
  const begun = Promise.withResolvers<void>()
  const Hang = before.job(
    'hang',
    (): unknown => {
      begun.resolve()
      return new Promise(() => {})
    },
    { concurrency: 1 },
  )
  const ids = [await Hang.dispatch(), await Hang.dispatch()]
  await begun.promise
  await before.close()

  await using after = start()
  const runs: unknown[] = []
  const both = ended('hang', 2)
  after.job('hang', () => void runs.push([after.currentTask()?.id, after.currentTask()?.attempt]))
  const began = performance.now()
  await both
  expect(runs.sort()).toEqual(ids.map((id) => [id, 1]).sort())
  // The claims were not left to run out, which takes ten seconds.
  expect(performance.now() - began).toBeLessThan(9000)
})

test('pgBoss() takes no options that say nothing of a server, unless the environment does', () => {
  const host = process.env.PGHOST
  delete process.env.PGHOST
  try {
    const forgotten = { connectionString: process.env.NO_SUCH_URL }
    for (const options of [forgotten, {}, { connectionString: '' }, { connectonString: postgres.url }]) {
      expect(() => pgBoss(options)).toThrow(expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' }))
    }
    process.env.PGHOST = '127.0.0.1'
    expect(pgBoss({}).name).toBe('pg-boss')
  } finally {
    if (host === undefined) delete process.env.PGHOST
    else process.env.PGHOST = host
  }
})

test('close() resolves when all that still ran is handed back, however little time there was', async () => {
  const afterword = start({ shutdownTimeout: 1 })
  using _reports = new Reports()
  let running = 0
  const all = Promise.withResolvers<void>()
  const Hang = afterword.job('hang', () => {
    if (++running === 10) all.resolve()
    return new Promise(() => {})
  })
  for (let n = 0; n < 10; n++) await Hang.dispatch()
  await all.promise
  await afterword.close()
  await using tables = new Tables(postgres.url, schema)
  expect((await tables.calls('hang')).map(({ state }) => state)).toEqual(Array(10).fill('retry'))
})

test('a call whose runs end their processes five times in a row is listed as failed', async () => {
  await using afterword = start({ worker: false })
  using reports = new Reports()
  const Crash = afterword.job('crash', () => {})
  const id = await Crash.dispatch()
  // A worker that dies leaves no other trace than a run which began.
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('crash')
  for (let run = 0; run < 5; run++) {
    const [job] = await tables.boss.fetch('afterword/crash/1')
    await tables.boss.fail('afterword/crash/1', job?.id as string)
  }
  afterword.work()
  expect(await inState('crash', 'failed')).toMatchObject({ id })
  expect(reports.all.map(({ error }) => error.message)).toEqual([
    expect.stringContaining(`The job "crash" (${id}) was running 5 times in a row`),
  ])
})

test('a call that the database does not take is refused, and none of those beside it', async () => {
  await using afterword = start({ worker: false, holdTimeout: 60_000 })
  using reports = new Reports()
  const Send = afterword.job('send', (_what: string) => {})
  await Send.dispatch('first')
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('send')
  const refuse = `CREATE FUNCTION ${schema}.refuse() RETURNS trigger AS $$ BEGIN RAISE 'not this one'; END $$ LANGUAGE plpgsql`
  await tables.boss.getDb().executeSql(refuse)
  const isBad = `WHEN (NEW.data->>'args' = '["bad"]')`
  const trigger = `CREATE TRIGGER refuse BEFORE INSERT ON ${schema}.job FOR EACH ROW ${isBad} EXECUTE FUNCTION ${schema}.refuse()`
  await tables.boss.getDb().executeSql(trigger)
  const calls = Array.from({ length: 30 }, (_, call) => Send.dispatch(call === 7 ? 'bad' : 'good'))
  const states = (await Promise.allSettled(calls)).map(({ status }) => status)
  expect(states.flatMap((status, call) => (status === 'rejected' ? [call] : []))).toEqual([7])
  expect(await tables.calls('send')).toHaveLength(30)
  await expect(calls[7]).rejects.toMatchObject({ code: 'AFTERWORD_CALL_REFUSED', status: 503 })
  expect(reports.codes).toEqual(['AFTERWORD_CALL_REFUSED'])
  expect(afterword.status().engineAway).toBe(0)
})

test('calls that were added before are looked for by one statement', async () => {
  const pool = new pg.Pool({ connectionString: postgres.url })
  const statements: string[] = []
  const db = {
    executeSql(text: string, values?: unknown[]) {
      statements.push(text)
      return pool.query(text, values)
    },
  }
  const boss = new PgBoss({ db, schema, schedule: false, supervise: false })
  await using afterword = new Afterword({ engine: pgBoss(boss), worker: false, signals: false })
  const Sync = afterword.job('sync', (_user: number) => {}, { key: (user) => `user ${user}` })
  const users = Array.from({ length: 50 }, (_, user) => user)
  const first = await Promise.all(users.map((user) => Sync.dispatch(user)))
  statements.length = 0
  expect(await Promise.all(users.map((user) => Sync.dispatch(user)))).toEqual(first)
  // pg-boss has statements of its own at times, on other tables.
  const looks = statements.filter((text) => text.includes('job_common') && !text.includes('INSERT'))
  expect(looks).toHaveLength(1)
  await afterword.close()
  await boss.stop({ graceful: false })
  await pool.end()
})

test('a queue that was deleted is made again: by the next call, and by a process that only works', async () => {
  const boss = new PgBoss({ connectionString: postgres.url, schema, schedule: false, queueCacheIntervalSeconds: 1 })
  await using worker = new Afterword({ engine: pgBoss(boss), signals: false })
  await using afterword = start({ worker: false })
  using reports = new Reports()
  const runs: number[] = []
  worker.job('send', (n: number) => void runs.push(n))
  const Send = afterword.job('send', (_n: number) => {})
  const first = ended('send')
  await Send.dispatch(1)
  await first
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('send')
  await tables.boss.deleteQueue('afterword/send/1')
  const second = ended('send')
  await Send.dispatch(2)
  await second
  await tables.boss.deleteQueue('afterword/send/1')
  await expect.poll(() => tables.boss.getQueue('afterword/send/1'), { timeout: 60_000 }).not.toBeNull()
  expect(runs).toEqual([1, 2])
  expect(reports.codes).toEqual([])
  await worker.close()
  await boss.stop({ graceful: false })
})

test('a queue that this process fills, and nobody works on, is told of once', async () => {
  await using afterword = start({ worker: false })
  await afterword.job('idle', () => {}).dispatch()
  const Busy = afterword.job('busy', () => {})
  await Busy.dispatch()
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('idle')
  // Another process works on the other queue.
  await tables.boss.fetch('afterword/busy/1')
  const told = Promise.withResolvers<string>()
  const jobs: string[] = []
  const queues = new UnworkedQueues({
    isIdle: (queue, time) => isIdle(tables.boss as unknown as Boss, queue, time),
    host: {
      unworked(job) {
        jobs.push(job)
        told.resolve(job)
      },
    },
    wait: 50,
  })
  queues.filled('afterword/busy/1', 'busy')
  queues.filled('afterword/idle/1', 'idle')
  expect(await told.promise).toBe('idle')
  queues.filled('afterword/idle/1', 'idle')
  queues.worked(['afterword/busy/1'])
  queues.filled('afterword/busy/1', 'busy')
  queues.close()
  expect(jobs).toEqual(['idle'])
})

test('a call that names a job which the process does not define is listed as failed, and holds up no other one', async () => {
  await using afterword = start({ worker: { concurrency: 1 } })
  using reports = new Reports()
  const Send = afterword.job('send', () => {})
  const first = ended('send')
  await Send.dispatch()
  await first
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('send')
  const data = { job: 'another', version: 1, args: '[]', attempt: 0, heard: 0 }
  const id = await tables.boss.send('afterword/send/1', data, { singletonKey: 'another' })
  expect((await inState('send', 'failed')).id).toBe(id)
  expect(reports.codes).toEqual(['AFTERWORD_UNREADABLE'])
  const next = ended('send')
  await Send.dispatch()
  await next
})

test('a call that is to be accepted after close() is refused', async () => {
  const afterword = start({ shutdownTimeout: 100 })
  using _reports = new Reports()
  const Send = afterword.job('send', () => {})
  let refusal: unknown
  await using site = await serve(afterword, async (_req, res) => {
    const task = Send.defer()
    await afterword.close()
    refusal = await task.accepted.catch((error) => error)
    res.destroy()
  })
  await Promise.allSettled([site.get()])
  expect(refusal).toMatchObject({ code: 'AFTERWORD_ENGINE_REFUSED' })
})

test("an instance of the app's own that is of an earlier version is refused when it is configured", () => {
  const boss = new PgBoss({ connectionString: postgres.url, schema })
  const earlier = Object.create(boss, { isTimekeeping: { value: undefined } })
  const refusal = { code: 'AFTERWORD_ENGINE_MISSING', message: expect.stringContaining('version 12.35 or later') }
  expect(() => new Afterword({ engine: pgBoss(earlier) })).toThrow(expect.objectContaining(refusal))
})

test('arguments that can not be read are listed as failed, and reported', async () => {
  await using afterword = start({ worker: false })
  using reports = new Reports()
  const Send = afterword.job('send', () => {})
  const known = await Send.with({ delay: 3_600_000 }).dispatch()
  await using tables = new Tables(postgres.url, schema)
  await tables.calls('send')
  const id = await tables.boss.send('afterword/send/1', { of: 'another program' }, { singletonKey: 'other' })
  afterword.work()
  expect((await inState('send', 'failed')).id).toBe(id)
  expect(reports.codes).toEqual(['AFTERWORD_UNREADABLE'])
  expect(await afterword.cancel(known)).toBe(true)
})

test("an instance of the app's own is used, and neither stopped nor listened to after close()", async () => {
  const boss = new PgBoss({ connectionString: postgres.url, schema, useListenNotify: true, schedule: false })
  const afterword = new Afterword({ engine: pgBoss(boss), signals: false })
  const ran = ended('send')
  const id = await afterword.job('send', () => {}).dispatch()
  expect(await ran).toEqual([{ id, attempt: 1, status: 'done' }])
  expect(boss.listenerCount('error')).toBeGreaterThan(0)
  await afterword.close()
  expect(boss.listenerCount('error')).toBe(0)
  expect(await boss.findJobs('afterword/send/1')).toMatchObject([{ id }])
  await boss.stop({ graceful: false })
})

test.each([
  ['lane', { lane: () => 'a' }],
  ['debounce', { key: 'k', debounce: { quiet: 100 } }],
  ['uniqueFor', { key: 'k', uniqueFor: 100 }],
  ['when', { when: 'success' as const }],
])(
  'a job with the option %s is refused when it is defined, or when the engine is configured',
  async (option, options) => {
    const refusal = {
      code: 'AFTERWORD_ENGINE_LACKS',
      message: expect.stringContaining(`the option ${option}, which pg-boss`),
    }
    const thrown = (fn: () => unknown) => {
      try {
        fn()
      } catch (error) {
        return error
      }
      return undefined
    }
    await using afterword = start()
    expect(thrown(() => afterword.job('job', () => {}, options))).toMatchObject(refusal)
    afterword.job('job', () => {}, { ...options, keep: false })
    await using later = new Afterword()
    later.job('job', () => {}, options)
    expect(thrown(() => later.configure({ engine: pgBoss({ connectionString: postgres.url, schema }) }))).toMatchObject(
      refusal,
    )
  },
)

test('`when` bound to a call is refused in a request, where nobody else knows of the response', async () => {
  await using afterword = start()
  const Send = afterword.job('send', () => {})
  await using site = await serve(afterword, (_req, res) => {
    try {
      Send.with({ when: 'success' }).defer()
    } catch (error) {
      res.end((error as { code?: string }).code)
    }
  })
  expect(await site.get()).toBe('AFTERWORD_ENGINE_LACKS')
})

test('an engine and a journal in a database are not configured together, and pause() rejects', async () => {
  const engine = pgBoss({ connectionString: postgres.url, schema })
  using database = new DatabaseSync(':memory:')
  expect(() => new Afterword({ engine, journal: { database } })).toThrow('left out where the journal is in a database')
  expect(() => new Afterword({ engine: 'pg-boss' as never })).toThrow('pgBoss({ connectionString })')
  expect(() => pgBoss('postgres://' as never)).toThrow('its options, { connectionString }, or an instance')
  await using afterword = start()
  // A module that is evaluated again configures the same once more.
  afterword.configure({ engine: pgBoss({ connectionString: postgres.url, schema }), signals: false })
  await expect(afterword.job('send', () => {}).pause()).rejects.toMatchObject({ code: 'AFTERWORD_NOT_PAUSED' })
})

test('names of jobs that pg-boss does not take are told apart', async () => {
  await using afterword = start()
  const names = ['a b', 'a.b', 'a/b', 'a.20.b', '\u{1f600}', 'x'.repeat(300), `${'x'.repeat(299)}y`, "it's; --"]
  const runs: string[] = []
  const all = Promise.all(names.map((name) => ended(name)))
  for (const name of names) await afterword.job(name, () => void runs.push(name)).dispatch()
  await all
  expect(runs.sort()).toEqual(names.sort())
})
