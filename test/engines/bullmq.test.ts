import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { BullQueue } from '../../src/engines/bullmq/bull.ts'
import type { RedisClient } from '../../src/engines/bullmq/redis.ts'
import { isIdle } from '../../src/engines/bullmq/redis-scripts.ts'
import { bullmq } from '../../src/engines/bullmq.ts'
import { Afterword, type AfterwordOptions, type Job, subscribe } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import type { Daemon } from '../support/daemon.ts'
import { serve } from '../support/local-site.ts'
import { redisUrl, startRedis } from '../support/redis.ts'
import { Reports } from '../support/reports.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { freshPrefix, Queues } from './bull.ts'
import { expectRoomForThree } from './room.ts'

let redis: Daemon
let prefix: string
beforeAll(async () => void (redis = await startRedis({ appendfsync: 'everysec' })))
afterAll(() => redis[Symbol.asyncDispose]())
beforeEach(() => void (prefix = freshPrefix()))

/** An instance on the queues of this test. */
function start(options: AfterwordOptions & { port?: number } = {}): Afterword {
  const { port = redis.port, ...rest } = options
  return new Afterword({ engine: bullmq({ connection: redisUrl({ port }), prefix }), signals: false, ...rest })
}

/** A handler that waits. */
function gated() {
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const handler = () => {
    begun.resolve()
    return gate.promise
  }
  return { handler, begun: begun.promise, open: gate.resolve }
}

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
    res.end('fine')
  })
  expect(await site.get()).toBe('fine')
  await ran
  expect(events).toEqual(['other ran', 'ended', 'ran'])
})

test('a client of ioredis lends its settings, and stays open; its own options do not count', async () => {
  // Such a client would never settle a command while Redis is away, and is refused by the workers of BullMQ.
  const client = new Redis(redisUrl(redis), { maxRetriesPerRequest: 20, db: 1 })
  const afterword = new Afterword({ engine: bullmq({ connection: client, prefix }), signals: false })
  const ran = ended('send')
  const id = await afterword.job('send', () => {}).dispatch()
  expect(await ran).toEqual([{ id, attempt: 1, status: 'done' }])
  await afterword.close()
  expect(client.status).toBe('ready')
  expect(await client.exists(`${prefix}:afterword/send/1:${id}`)).toBe(1)
  client.disconnect()
})

test('close() leaves no connection open', async () => {
  const afterword = start()
  const ran = ended('send', 2)
  afterword.job('other', () => {})
  const Send = afterword.job('send', () => {})
  await Promise.all([Send.dispatch(), Send.dispatch()])
  await ran
  await afterword.close()
  await using watch = new Queues(redisUrl(redis), prefix)
  await expect
    .poll(async () => (await (await watch.of('none').getBackend().client).clientList()).split('\n').length)
    .toBeLessThanOrEqual(3)
})

test.each([
  ['nothing', undefined],
  ['an empty text', ''],
  ['no URL of Redis', 'localhost:6379'],
  ['no server', {}],
  ['an empty host', { host: '' }],
])('bullmq() refuses a connection that is %s', (_what, connection) => {
  const refusal = expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' })
  expect(() => bullmq({ connection: connection as never })).toThrow(refusal)
})

test('bullmq() shows no password, and refuses a keyPrefix, a prefix with a colon and options that it does not know', () => {
  expect(() => bullmq({ connection: 'http://:secret@localhost' })).toThrow('a text of 24 characters')
  expect(() => bullmq({ connection: { host: 'localhost', keyPrefix: 'a' } })).toThrow('bullmq({ connection, prefix })')
  expect(() => bullmq({ connection: redisUrl(redis), prefix: 'a:b' })).toThrow('a text without colons')
  expect(() => bullmq({ connection: redisUrl(redis), prefx: 'a' } as never)).toThrow('Did you mean "prefix"?')
})

test.each([
  ['lane', { lane: () => 'a' }],
  ['debounce', { key: 'k', debounce: { quiet: 100 } }],
  ['uniqueFor', { key: 'k', uniqueFor: 100 }],
  ['when', { when: 'success' as const }],
])('a job with the option %s is refused when it is defined', async (option, options) => {
  await using afterword = start()
  expect(() => afterword.job('job', () => {}, options)).toThrow(`the option ${option}, which BullMQ`)
})

test('a second call with a key stands for the first one, until that has failed for good', async () => {
  await using afterword = start()
  using _reports = new Reports()
  const { handler, begun, open } = gated()
  const Sync = afterword.job('sync', () => handler().then(() => Promise.reject(new Error('no'))), {
    key: (user: string) => `user ${user}`,
    retries: 0,
  } as never) as Job<[string]>
  const first = await Sync.dispatch('ada')
  await begun
  const [second, other] = await Promise.all([Sync.dispatch('ada'), Sync.dispatch('bob')])
  expect([second === first, other === first]).toEqual([true, false])
  const deferred = Sync.defer('ada')
  expect(await deferred.outcome).toEqual({ status: 'cancelled', reason: 'duplicate' })
  const both = ended('sync', 2)
  open()
  await both
  await expect.poll(() => Sync.dispatch('ada')).not.toBe(first)
})

test('names of jobs are told apart, also those that no queue of BullMQ may have', async () => {
  await using afterword = start()
  const names = ['a b', 'a:b', 'a/b', 'a.3a.b', '\u{1f600}', `${'x'.repeat(299)}y`, 'x'.repeat(300)]
  const runs: string[] = []
  const all = Promise.all(names.map((name) => ended(name)))
  for (const name of names) await afterword.job(name, () => void runs.push(name)).dispatch()
  await all
  expect(runs.sort()).toEqual(names.sort())
})

test('no more calls run at once than the worker and the job allow', async () => {
  await using afterword = start({ worker: { concurrency: 3 } })
  await expectRoomForThree(afterword)
})

test('a queue takes up room that another one has left, while calls of its own run on', async () => {
  await using afterword = start({ worker: { concurrency: 2 } })
  const [one, two] = [gated(), gated()]
  const Slow = afterword.job('slow', one.handler)
  const Other = afterword.job('other', two.handler)
  const Third = afterword.job('slow', one.handler)
  await Slow.dispatch()
  await Other.dispatch()
  await Promise.all([one.begun, two.begun])
  const runs: string[] = []
  const begun = new Promise<void>((resolve) => {
    const unsubscribe = subscribe('task:started', ({ task }) => {
      runs.push(task.name)
      unsubscribe()
      resolve()
    })
  })
  await Third.dispatch()
  two.open()
  await begun
  expect(runs).toEqual(['slow'])
  const both = ended('slow', 2)
  one.open()
  await both
})

test('a call that finds no room in a process runs in another one', async () => {
  await using busy = start({ worker: { concurrency: 1 } })
  const { handler, begun, open } = gated()
  const Slow = busy.job('slow', handler)
  const Send = busy.job('send', () => 'by the busy one')
  await Slow.dispatch()
  await begun
  // The busy process is the only one, and takes it.
  const id = await Send.dispatch()
  await using queues = new Queues(redisUrl(redis), prefix)
  await expect.poll(async () => (await queues.calls('send'))[0]?.attemptsStarted).toBeGreaterThan(0)
  const ran = ended('send')
  await using idle = start()
  idle.job('send', () => {})
  expect(await ran).toEqual([{ id, attempt: 1, status: 'done' }])
  open()
})

test('a call whose runs end their processes five times in a row is listed as failed, and not after two', async () => {
  await using afterword = start({ worker: false })
  using reports = new Reports()
  const Crash = afterword.job('crash', () => {})
  const id = await Crash.dispatch()
  // A worker that dies leaves no other trace than a lock that nobody renews.
  await using queues = new Queues(redisUrl(redis), prefix)
  const connection = { url: redisUrl(redis), maxRetriesPerRequest: null }
  const options = { connection, prefix, lockDuration: 1, stalledInterval: 1, maxStalledCount: 100, autorun: false }
  await using stack = new AsyncDisposableStack()
  for (let run = 1; run <= 5; run++) {
    const dead = new Worker('afterword/crash/1', null, { ...options, skipStalledCheck: true })
    const finder = new Worker('afterword/crash/1', null, options)
    for (const worker of [dead, finder]) stack.defer(() => worker.close(true))
    await dead.getNextJob('token', { block: false })
    await finder.startStalledCheckTimer()
    await expect
      .poll(async () => (await queues.calls('crash'))[0])
      .toMatchObject({ state: 'waiting', stalledCounter: run })
    await finder.close(true)
  }
  const failed = reports.next
  afterword.work()
  expect((await failed).error.message).toContain(`The job "crash" (${id}) was running 5 times in a row`)
  await expect.poll(async () => (await queues.calls('crash'))[0]).toMatchObject({ id, state: 'failed' })
})

test('arguments that can not be read are listed as failed, and reported', async () => {
  await using afterword = start({ worker: false })
  using reports = new Reports()
  afterword.job('send', () => {})
  await using queues = new Queues(redisUrl(redis), prefix)
  const { id } = await queues.of('send').add('send', { of: 'another program' } as never)
  afterword.work()
  await expect.poll(async () => (await queues.calls('send'))[0]).toMatchObject({ id, state: 'failed' })
  expect(reports.codes).toEqual(['AFTERWORD_UNREADABLE'])
})

test('what is done is kept for an hour, what has failed for a week, and no more than so many of a queue', async () => {
  await using afterword = start()
  using _reports = new Reports()
  const ran = ended('send')
  await afterword.job('send', () => {}).dispatch()
  await ran
  await using queues = new Queues(redisUrl(redis), prefix)
  await expect.poll(async () => (await queues.calls('send'))[0]?.state).toBe('completed')
  const client = new Redis(redisUrl(redis))
  const [done] = await queues.calls('send')
  await client.zadd(`${prefix}:afterword/send/1:completed`, Date.now() - 3_600_001, done?.id as string)
  client.disconnect()
  const next = ended('send')
  const id = await afterword.job('send', () => {}).dispatch()
  await next
  await expect.poll(async () => (await queues.calls('send')).map((call) => call.id)).toEqual([id])
})

test('a Redis that is full refuses calls; runs that end meanwhile are settled when there is room', async () => {
  await using full = await startRedis({ appendfsync: 'everysec' })
  const admin = new Redis(redisUrl(full))
  await using afterword = start({ port: full.port, holdTimeout: 500 })
  using reports = new Reports()
  const First = afterword.job('first', () => {})
  // The connections may take longer than a short holdTimeout.
  const isAccepted = () =>
    First.dispatch().then(
      () => true,
      () => false,
    )
  while (!(await isAccepted()));
  const { handler, begun, open } = gated()
  const Slow = afterword.job('slow', handler)
  const id = await Slow.dispatch()
  await begun
  await admin.config('SET', 'maxmemory', '1mb')
  await using site = await serve(afterword, (_req, res) => {
    Slow.defer()
    res.end('kept')
  })
  expect((await fetch(site.url)).status).toBe(503)
  const ran = ended('slow')
  open()
  expect(await ran).toEqual([{ id, attempt: 1, status: 'done' }])
  await expect.poll(() => reports.codes).toContain('AFTERWORD_ENGINE_AWAY')
  await admin.config('SET', 'maxmemory', '0')
  await using queues = new Queues(redisUrl(full), prefix)
  await expect
    .poll(async () => (await queues.calls('slow')).map(({ state }) => state), { timeout: 60_000 })
    .toEqual(['completed'])
  expect(await site.get()).toBe('kept')
  admin.disconnect()
})

test('a process that only waits for jobs knows when a Redis that was full has room again', async () => {
  await using full = await startRedis({ appendfsync: 'everysec' })
  const admin = new Redis(redisUrl(full))
  await using afterword = start({ port: full.port })
  using reports = new Reports()
  const told = reports.next
  const Send = afterword.job('send', () => {})
  const first = ended('send')
  await Send.dispatch()
  await first
  await using other = start({ port: full.port, worker: false })
  // A call that waits makes the worker write, which a full Redis refuses.
  await other
    .job('send', () => {})
    .with({ delay: 200 })
    .dispatch()
  await admin.config('SET', 'maxmemory', '1mb')
  expect((await told).error.code).toBe('AFTERWORD_ENGINE_AWAY')
  await admin.config('SET', 'maxmemory', '0')
  await expect.poll(() => afterword.status().engineAway, { timeout: 60_000 }).toBe(0)
  admin.disconnect()
})

test('connections on which nothing comes any more are given up, those of the workers as well', async () => {
  await using proxy = await TcpProxy.start(redis.port)
  await using afterword = start({ port: proxy.port, holdTimeout: 60_000 })
  using _reports = new Reports()
  const Send = afterword.job('send', () => {})
  const first = ended('send')
  await Send.dispatch()
  await first
  proxy.forget()
  const second = ended('send')
  const id = await Send.dispatch()
  expect((await second)[0]?.id).toBe(id)
})

test.each([
  ['is tried again', 1, 'delayed'],
  ['has failed for good', 0, 'failed'],
])(
  'an end by which a call %s, and whose answer was lost, is not told of as that of a lost claim',
  async (_end, retries, state) => {
    await using proxy = await TcpProxy.start(redis.port)
    const afterword = start({ port: proxy.port })
    using reports = new Reports()
    const { handler, begun, open } = gated()
    const fail = () =>
      handler().then(() => {
        throw new Error('no luck')
      })
    await afterword.job('fail', fail, { retries, backoff: 3_600_000 }).dispatch()
    await begun
    proxy.loseAnswers()
    open()
    await using queues = new Queues(redisUrl(redis), prefix)
    const states = async () => (await queues.calls('fail')).map((call) => call.state)
    await expect.poll(states, { timeout: 60_000 }).toEqual([state])
    proxy.forward()
    await afterword.close()
    expect(reports.codes).not.toContain('AFTERWORD_CLAIM_LOST')
  },
)

test('a queue whose calls nobody takes is known, delayed calls too, and one that is worked on is none', async () => {
  await using afterword = start({ worker: false })
  const [Idle, Late, Busy] = ['idle', 'late', 'busy'].map((name) => afterword.job(name, () => {})) as [Job, Job, Job]
  await Promise.all([Idle.dispatch(), Late.with({ delay: 1 }).dispatch(), Busy.dispatch(), Busy.dispatch()])
  await using queues = new Queues(redisUrl(redis), prefix)
  const client = new Redis(redisUrl(redis))
  const known = (job: string, time: number) =>
    isIdle(client as unknown as RedisClient, queues.of(job) as unknown as BullQueue, Date.now() - time)
  // Each of the two processes has a clock of its own: to be due is a matter of milliseconds.
  for (const job of ['idle', 'late', 'busy']) {
    expect(await known(job, 60_000)).toBe(false)
    expect(await known(job, -60_000)).toBe(true)
  }
  const { handler, begun, open } = gated()
  const worker = new Worker(queues.of('busy').name, handler, { connection: { url: redisUrl(redis) }, prefix })
  await begun
  expect(await known('busy', -60_000)).toBe(false)
  open()
  await expect
    .poll(async () => (await queues.calls('busy')).map(({ state }) => state))
    .toEqual(['completed', 'completed'])
  await worker.close()
  client.disconnect()
})

test('close() ends in time while Redis is away, with a run that goes on', async () => {
  await using away = await startRedis({ appendfsync: 'everysec' })
  const afterword = start({ port: away.port, shutdownTimeout: 300 })
  using _reports = new Reports()
  const { handler, begun } = gated()
  await afterword.job('hang', handler).dispatch()
  await begun
  await away.kill()
  await afterword.close()
  await away.restart()
  await using after = start({ port: away.port })
  const ran = ended('hang')
  after.job('hang', () => {})
  expect(await ran).toMatchObject([{ attempt: 1, status: 'done' }])
})

test('an instance whose Redis was never there is closed in time', async () => {
  const afterword = start({ port: 1, holdTimeout: 300, shutdownTimeout: 300 })
  using reports = new Reports()
  await expect(afterword.job('send', () => {}).dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_ENGINE_REFUSED' })
  expect(reports.codes.filter((code) => code === 'AFTERWORD_ENGINE_AWAY')).toHaveLength(1)
  await afterword.close()
})

test('a call in a transaction is refused, and says what to do', async () => {
  await using afterword = start()
  const sent = afterword.job('send', () => {}).with({ tx: { query: async () => ({ rows: [] }) } } as never)
  await expect(sent.dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_NO_TRANSACTIONS' })
})

test('pause() rejects', async () => {
  await using afterword = start()
  await expect(afterword.job('send', () => {}).pause()).rejects.toMatchObject({ code: 'AFTERWORD_NOT_PAUSED' })
})
