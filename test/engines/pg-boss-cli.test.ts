import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { ended } from '../../src/testing/store-watch.ts'
import { testPostgres } from '../support/postgres.ts'
import { Reports } from '../support/reports.ts'
import { freshSchema } from './boss.ts'
import { cli, fill, json } from './engine-command.ts'

let postgres: Awaited<ReturnType<typeof testPostgres>>
let schema: string
let place: string
beforeAll(async () => void (postgres = await testPostgres()))
afterAll(() => postgres[Symbol.asyncDispose]())
beforeEach(() => {
  schema = freshSchema()
  const url = new URL(postgres.url)
  url.searchParams.set('schema', schema)
  place = url.href
})

function start(options: { worker?: boolean } = {}): Afterword {
  return new Afterword({ engine: pgBoss({ connectionString: postgres.url, schema }), signals: false, ...options })
}

test('afterword status, list and show look into the tables of pg-boss', async () => {
  const { failed, waiting } = await fill(start())
  expect(await json('status', place)).toEqual([
    { name: 'afterword/fail/1', running: 0, pending: 0, failed: 2, stuck: [], paused: [] },
    { name: 'afterword/later/1', running: 0, pending: 1, failed: 0, stuck: [], paused: [] },
  ])
  expect((await cli('status', place)).stdout).toContain('afterword/fail/1')
  const all = await json('list', place)
  expect(all.map(({ state }: { state: string }) => state)).toEqual(['failed', 'failed', 'pending'])
  expect(
    all
      .slice(0, 2)
      .map(({ id }: { id: string }) => id)
      .sort(),
  ).toEqual([...failed].sort())
  expect(await json('list', place, '--state', 'pending')).toMatchObject([
    { id: waiting, job: 'later', version: 1, attempt: 0, args: [3], options: { timeout: 100 } },
  ])
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

test('a call that was retried by hand has all of its attempts, and fails for good once more', async () => {
  const { failed } = await fill(start())
  using _reports = new Reports()
  await cli('retry', place, failed[0] as string)
  const afterword = start()
  const attempts: (number | undefined)[] = []
  const ran = ended('fail', 1)
  afterword.job(
    'fail',
    () => {
      attempts.push(afterword.currentTask()?.attempt)
      throw new Error('still')
    },
    { retries: 1, backoff: 0 },
  )
  await ran
  await afterword.close()
  expect(attempts).toEqual([1, 2])
  expect(await json('show', place, failed[0] as string)).toMatchObject({ state: 'failed', attempt: 2 })
})

test('afterword discard deletes failed calls, and by its id one that waits', async () => {
  const { failed, waiting } = await fill(start())
  expect(await json('discard', place, waiting, failed[0] as string)).toEqual([
    { id: waiting, done: true },
    { id: failed[0], done: true },
  ])
  expect((await cli('discard', place, waiting)).stdout).toBe(`${waiting} is no record that waits or has failed\n`)
  expect((await cli('discard', place, '--all')).stdout).toBe('1 record is deleted.\n')
  expect(await json('list', place)).toEqual([])
})

test('a database without tables of pg-boss, and a server that is away, are errors', async () => {
  const { code, stderr } = await cli('list', place)
  expect(code).toBe(1)
  expect(stderr).toBe(`There are no tables of pg-boss in the schema "${schema}".\n`)
  const away = await cli('list', 'postgres://127.0.0.1:1/none')
  expect(away).toEqual({
    code: 1,
    stdout: '',
    stderr: "The database can't be read: connect ECONNREFUSED 127.0.0.1:1\n",
  })
  const none = new URL(place)
  none.pathname = '/none'
  expect(await cli('retry', none.href, '--all')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'The database can\'t be read: database "none" does not exist\n',
  })
})

test.each([['pause'], ['resume']])('afterword %s of an engine says that it keeps no pauses', async (command) => {
  const { code, stdout, stderr } = await cli(command, place, 'fail')
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toBe(
    'AFTERWORD_NOT_PAUSED: A job could not be paused, or resumed: pg-boss keeps no pauses. The job goes on as before. Let the processes work on the other jobs only: worker: { jobs }, or afterword work --jobs.\n',
  )
})

test('afterword backup of an engine says that the backup is that of its database', async () => {
  const { code, stderr } = await cli('backup', place, 'copy')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^AFTERWORD_NO_BACKUP: pg-boss keeps its calls in a database of its own, .*pg_dump.*\.\n$/)
})

test('a parameter of the URL that nothing knows, and a state that an engine does not know, are wrong usage', async () => {
  const misspelt = place.replace('schema=', 'shema=')
  expect(await cli('status', misspelt)).toEqual({
    code: 2,
    stdout: '',
    stderr: 'status knows no parameter "shema" of a URL. Did you mean "schema"?\nUsage: afterword status <folder>\n',
  })
  expect(await cli('list', place, '--state', 'paused')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(
      /^list knows the states failed, running, pending of an engine, got "paused"\.\nUsage: afterword list /,
    ),
  })
})
