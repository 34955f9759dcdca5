import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { bullmq } from '../../src/engines/bullmq.ts'
import { Afterword } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { testRedis } from '../support/redis.ts'
import { freshPrefix, Queues } from './bull.ts'
import { cli, describeEngineCommand, fill, json } from './engine-command.ts'

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

describeEngineCommand({
  engine: 'BullMQ',
  parameter: 'prefix',
  backup: 'files of Redis',
  place: () => place,
  start,
  async whenDiscarded(ids) {
    const client = new Redis(redis.url)
    const keys = await client.keys('*')
    client.disconnect()
    expect(keys.filter((key) => key.startsWith(prefix) && ids.some((id) => key.includes(id)))).toEqual([])
  },
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
