import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { Afterword } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { testRedis } from '../support/redis.ts'
import { Reports } from '../support/reports.ts'
import { freshPrefix, Queues } from './bull.ts'
import { cli, fill, json } from './engine-command.ts'

let redis: Awaited<ReturnType<typeof testRedis>>
let prefix: string
let place: string
beforeAll(async () => void (redis = await testRedis()))
afterAll(() => redis[Symbol.asyncDispose]())
beforeEach(() => {
  // Signs that mean something in a pattern of Redis.
  prefix = `${freshPrefix()}[*]?`
  const url = new URL(redis.url)
  url.searchParams.set('prefix', prefix)
  place = url.href
})

function start(options: { worker?: boolean } = {}): Afterword {
  return new Afterword({ engine: bullmq({ connection: redis.url, prefix }), signals: false, ...options })
}

test('afterword status, list and show look into the queues of BullMQ', async () => {
  const { failed, waiting } = await fill(start())
  expect(await json('status', place)).toEqual([
    { name: 'afterword/fail/1', running: 0, pending: 0, failed: 2, stuck: [], paused: [] },
    { name: 'afterword/later/1', running: 0, pending: 1, failed: 0, stuck: [], paused: [] },
  ])
  expect((await cli('status', place)).stdout).toContain('afterword/fail/1')
  const all = await json('list', place)
  expect(all.map(({ state }: { state: string }) => state)).toEqual(['failed', 'failed', 'pending'])
  const ids = all.map(({ id }: { id: string }) => id)
  expect(ids.slice(0, 2).sort()).toEqual([...failed].sort())
  const [pending] = await json('list', place, '--state', 'pending')
  expect(pending).toMatchObject({
    id: waiting,
    job: 'later',
    version: 1,
    attempt: 0,
    args: [3],
    options: { timeout: 100 },
  })
  expect(Date.parse(pending.runAt) - Date.parse(pending.created)).toBeGreaterThanOrEqual(3_600_000)
  expect(await json('list', place, '--job', 'fail', '--limit', '1')).toHaveLength(1)
  expect(await json('show', place, failed[1] as string)).toMatchObject({
    id: failed[1],
    state: 'failed',
    reason: 'failed',
    attempt: 1,
    key: 'k',
    args: [{ n: 2 }],
    error: expect.stringMatching(/^TypeError: no luck\n/),
  })
  expect((await cli('list', place)).stdout).toContain('TypeError: no luck')
  expect(await json('show', place, 'none')).toBe(null)
})

test('afterword retry makes failed calls pending again, but for one whose key is taken', async () => {
  const { failed, waiting } = await fill(start())
  const afterword = start({ worker: false })
  const seen: unknown[] = []
  const Fail = afterword.job('fail', (what: { n: number }) => {
    seen.push([what.n, afterword.currentTask()?.attempt])
  })
  const holder = await Fail.with({ key: 'k', delay: 3_600_000 }).dispatch({ n: 3 })
  expect(await json('retry', place, '--all')).toEqual(
    expect.arrayContaining([
      { id: failed[0], done: true },
      { id: failed[1], done: false },
    ]),
  )
  expect((await cli('retry', place, waiting)).code).toBe(1)
  const ran = ended('fail', 1)
  afterword.work()
  await ran
  expect(seen).toEqual([[1, 1]])
  expect(await afterword.cancel(holder)).toBe(true)
  const other = ended('fail', 1)
  expect(await cli('retry', place, failed[1] as string)).toMatchObject({ code: 0 })
  await other
  expect(seen).toEqual([
    [1, 1],
    [2, 1],
  ])
  await afterword.close()
})

test('a call that was retried by hand holds its key, until it is done', async () => {
  const { failed } = await fill(start())
  await using afterword = start({ worker: false })
  const Fail = afterword.job('fail', (_what: object) => {})
  expect(await json('retry', place, failed[1] as string)).toEqual([{ id: failed[1], done: true }])
  expect(await Fail.with({ key: 'k' }).dispatch({ n: 4 })).toBe(failed[1])
  const ran = ended('fail', 1)
  afterword.work()
  await ran
  await expect.poll(() => Fail.with({ key: 'k' }).dispatch({ n: 5 })).not.toBe(failed[1])
})

test('a call that was retried by hand has all of its attempts, and fails for good once more', async () => {
  const { failed } = await fill(start())
  using _reports = new Reports()
  await cli('retry', place, failed[0] as string)
  const afterword = start()
  const attempts: (number | undefined)[] = []
  const ran = ended('fail', 1)
  const fail = () => {
    attempts.push(afterword.currentTask()?.attempt)
    throw new Error('still')
  }
  afterword.job('fail', fail, { retries: 1, backoff: 0 })
  await ran
  await afterword.close()
  expect(attempts).toEqual([1, 2])
  expect(await json('show', place, failed[0] as string)).toMatchObject({ state: 'failed', attempt: 2 })
})

test('afterword discard deletes failed calls, and by its id one that waits, with all that Redis has of it', async () => {
  const { failed, waiting } = await fill(start())
  expect(await json('discard', place, waiting, failed[0] as string)).toEqual([
    { id: waiting, done: true },
    { id: failed[0], done: true },
  ])
  expect((await cli('discard', place, waiting)).stdout).toBe(`${waiting} is no record that waits or has failed\n`)
  expect((await cli('discard', place, '--all')).stdout).toBe('1 record is deleted.\n')
  expect(await json('list', place)).toEqual([])
  const client = new Redis(redis.url)
  const keys = await client.keys('*')
  client.disconnect()
  const left = keys.filter((key) => key.startsWith(prefix) && [...failed, waiting].some((id) => key.includes(id)))
  expect(left).toEqual([])
})

test('a call that runs is shown as running, and is neither retried nor discarded', async () => {
  await using afterword = start()
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const Slow = afterword.job('slow', () => {
    begun.resolve()
    return gate.promise
  })
  const id = await Slow.dispatch()
  await begun.promise
  expect(await json('show', place, id)).toMatchObject({ id, state: 'running' })
  expect(await json('retry', place, id)).toEqual([{ id, done: false }])
  expect(await json('discard', place, id)).toEqual([{ id, done: false }])
  const ran = ended('slow', 1)
  gate.resolve()
  await ran
})

test('a job of another program in a queue is shown, and can be discarded', async () => {
  await fill(start())
  await using queues = new Queues(redis.url, prefix)
  const { id = '' } = await queues.of('later').add('other', 'no call' as never, { jobId: crypto.randomUUID() })
  expect(await json('show', place, id)).toMatchObject({ id, job: 'afterword/later/1', state: 'pending' })
  expect(await json('discard', place, id)).toEqual([{ id, done: true }])
})

test('a Redis without queues, and one that is away, are errors', async () => {
  const { code, stderr } = await cli('list', place)
  expect(code).toBe(1)
  expect(stderr).toBe(`There are no queues of Afterword in Redis under the prefix "${prefix}".\n`)
  expect(await cli('list', 'redis://127.0.0.1:1')).toEqual({
    code: 1,
    stdout: '',
    stderr: "Redis can't be read: connect ECONNREFUSED 127.0.0.1:1\n",
  })
})

test.each([['pause'], ['resume']])('afterword %s of an engine says that it keeps no pauses', async (command) => {
  const { code, stdout, stderr } = await cli(command, place, 'fail')
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^AFTERWORD_NOT_PAUSED: .*BullMQ keeps no pauses/)
})

test('afterword backup of an engine says that the backup is that of its database', async () => {
  const { code, stderr } = await cli('backup', place, 'copy')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^AFTERWORD_NO_BACKUP: BullMQ keeps its calls in a database of its own, .*files of Redis\.\n$/)
})

test('a parameter of the URL that nothing knows, and a state that an engine does not know, are wrong usage', async () => {
  expect(await cli('status', place.replace('prefix=', 'prefx='))).toEqual({
    code: 2,
    stdout: '',
    stderr: 'status knows no parameter "prefx" of a URL. Did you mean "prefix"?\nUsage: afterword status <folder>\n',
  })
  expect(await cli('list', place, '--state', 'paused')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^list knows the states failed, running, pending of an engine, got "paused"\./),
  })
})
