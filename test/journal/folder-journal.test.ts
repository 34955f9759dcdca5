import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword, subscribe } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-journal-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** The rows of a database that no process has open. */
function stored(table: 'records' | 'failed', name = '1'): Record<string, unknown>[] {
  using database = new DatabaseSync(join(folder, `${name}.db`), { readOnly: true })
  return database.prepare(`SELECT * FROM afterword_${table}`).all()
}

test('job.defer() keeps a record until the job is done', async () => {
  const afterword = new Afterword({ journal: folder })
  const seen: unknown[] = []
  const Send = afterword.job('send', (to: string, options: { at: Date }) => {
    seen.push(to, options.at, afterword.currentTask()?.id)
  })
  const task = Send.defer('a@b.c', { at: new Date(0) })
  await task.accepted
  expect((await task.outcome).status).toBe('done')
  expect(seen).toEqual(['a@b.c', new Date(0), task.id])
  await afterword.close()
  expect(stored('records')).toEqual([])
  expect(stored('failed')).toEqual([])
})

test('a response leaves when the records of its jobs are stored', async () => {
  await using afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  const events: string[] = []
  await using site = await serve(afterword, (_req, res) => {
    void Send.defer().accepted.then(() => events.push('stored'))
    res.on('finish', () => events.push('sent'))
    events.push('ended')
    res.end('fine')
  })
  expect(await site.get()).toBe('fine')
  expect(events).toEqual(['ended', 'stored', 'sent'])
})

test('a job that fails for good stays listed, with its error and the causes', async () => {
  const afterword = new Afterword({ journal: folder })
  using reports = new Reports()
  const cause = new TypeError('fetch failed', { cause: 'here' })
  const Fail = afterword.job('fail', (_n: number) => Promise.reject(new Error('no luck', { cause })), {
    retries: 1,
    backoff: 0,
  })
  expect((await Fail.defer(7).outcome).status).toBe('failed')
  await afterword.close()
  expect(stored('records')).toEqual([])
  expect(stored('failed')).toMatchObject([{ job: 'fail', args: '[7]', attempt: 2, reason: 'failed' }])
  expect(stored('failed')[0]?.error).toMatch(
    /^Error: no luck\n +at .*\ncaused by TypeError: fetch failed\n.*\ncaused by here/s,
  )
  expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED'])
})

test('a job that was not done at the end of its process runs in the next one, with the same id', async () => {
  const before = new Afterword({ journal: folder, shutdownTimeout: 0 })
  using _reports = new Reports()
  const Hang = before.job('send', (_to: string): unknown => new Promise(() => {}))
  const { id, accepted } = Hang.defer('a@b.c')
  await accepted
  await before.close()

  await using after = new Afterword({ journal: folder })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  after.job('send', (to: string) => resolve([to, after.currentTask()?.id, after.currentTask()?.attempt]))
  expect(await promise).toEqual(['a@b.c', id, 1])
})

test('a job with keep: false, and a bare defer(), are not stored', async () => {
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
  using reports = new Reports()
  const Light = afterword.job('light', () => new Promise(() => {}), { keep: false })
  Light.defer()
  afterword.defer(() => new Promise(() => {}))
  await afterword.close()
  expect(stored('records')).toEqual([])
  expect(reports.codes).toEqual(['AFTERWORD_UNFINISHED'])
})

test('job.defer() throws for arguments that can not be stored', async () => {
  await using afterword = new Afterword({ journal: folder, maxPayload: 100 })
  const Send = afterword.job('send', (_user: object) => {})
  expect(() => Send.defer({ onDone: () => {} })).toThrow("can't be stored: a function at [0].onDone")
  expect(() => Send.defer({ text: 'x'.repeat(100) })).toThrow('take at least 101 bytes, more than maxPayload (100)')
  await expect(Send.dispatch({ onDone: () => {} })).rejects.toMatchObject({ code: 'AFTERWORD_NOT_STORABLE' })
})

test('two instances on one folder have a slot each', async () => {
  await using one = new Afterword({ journal: folder })
  await using two = new Afterword({ journal: folder })
  const jobs = [one, two].map((afterword) => afterword.job('send', () => {}))
  const ids = await Promise.all(jobs.map((Send) => Send.dispatch()))
  expect(new Set(ids).size).toBe(2)
  expect(readdirSync(folder).filter((name) => /^\d.*(db|log)$/.test(name))).toEqual(['1.db', '1.log', '2.db', '2.log'])
})

test('a job that the journal refuses outside a request is cancelled, and later jobs run', async () => {
  await using afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', (n: number) => n)
  // The name of the log is taken.
  mkdirSync(join(folder, '1.log'))
  const [first, second] = [Send.defer(1), Send.defer(2)]
  await expect(first.accepted).rejects.toMatchObject({ code: 'AFTERWORD_JOURNAL_REFUSED' })
  expect(await second.outcome).toEqual({ status: 'cancelled', reason: 'refused' })
  await expect(Send.dispatch(3)).rejects.toMatchObject({ code: 'AFTERWORD_JOURNAL_REFUSED' })
  rmdirSync(join(folder, '1.log'))
  expect(await Send.defer(4).outcome).toEqual({ status: 'done', value: 4 })
})

test('job.defer() that throws AFTERWORD_OVERLOADED holds no response', async () => {
  const afterword = new Afterword({ journal: folder, maxBacklog: 1 })
  const Send = afterword.job('send', () => {})
  const free = Promise.withResolvers<void>()
  await using site = await serve(afterword, async (_req, res) => {
    afterword.defer(() => free.promise)
    afterword.defer(() => free.promise)
    await Send.dispatch().catch(({ code }) => res.end(code))
    free.resolve()
  })
  expect(await site.get()).toBe('AFTERWORD_OVERLOADED')
  await afterword.close()
})

test('job.dispatch() with a delay leaves memory until it is due, then runs in any process', async () => {
  const before = new Afterword({ journal: folder })
  const ran: string[] = []
  const Send = before.job('send', () => void ran.push('too early'))
  const id = await Send.with({ delay: 2000 }).dispatch()
  expect(before.status()).toMatchObject({ backlog: 0, running: 0 })
  await before.close()
  expect(stored('records', 'shared')).toMatchObject([{ job: 'send', owner: 0 }])

  await using after = new Afterword({ journal: folder })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  after.job('send', () => resolve(after.currentTask()?.id))
  expect(await promise).toBe(id)
  expect(ran).toEqual([])
})

test('job.dispatch() with a delay needs a journal', async () => {
  await using afterword = new Afterword()
  const Send = afterword.job('send', () => {})
  await expect(Send.with({ delay: 1 }).dispatch()).rejects.toMatchObject({ code: 'AFTERWORD_NEEDS_JOURNAL' })
})

test('journal.retention forgets failed records after its time', async () => {
  using _reports = new Reports()
  const before = new Afterword({ journal: folder })
  await before.job('fail', () => Promise.reject(new Error('no luck')), { retries: 0 }).defer().outcome
  await before.close()
  expect(stored('failed')).toHaveLength(1)
  const after = new Afterword({ journal: { path: folder, retention: 0 } })
  await expect.poll(() => stored('failed')).toEqual([])
  await after.close()
})

test('attempts and waiting times survive the process', async () => {
  using _reports = new Reports()
  const before = new Afterword({ journal: folder, shutdownTimeout: 0 })
  const retrying = Promise.withResolvers<void>()
  using _subscription = { [Symbol.dispose]: subscribe('task:retrying', () => retrying.resolve()) }
  const task = before.job('fail', () => Promise.reject(new Error('no luck')), { backoff: 2000 }).defer()
  await Promise.all([retrying.promise, task.accepted])
  await before.close()
  const [{ attempt, run_at: runAt } = {}] = stored('records')
  expect(attempt).toBe(1)
  expect(await task.outcome).toEqual({ status: 'cancelled', reason: 'kept' })

  await using after = new Afterword({ journal: folder })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  after.job('fail', () => resolve([after.currentTask()?.attempt, Date.now() >= Number(runAt)]))
  expect(await promise).toEqual([2, true])
})

test('upgrade() makes arguments of an earlier version new ones; a record of a later version waits', async () => {
  const before = new Afterword({ journal: folder, worker: false })
  const Send = before.job('send', (..._args: string[]) => {}, { version: 3 })
  await Send.dispatch('third')
  await Send.with({ version: 1 }).dispatch('first')
  await Send.with({ version: 2 }).dispatch('second')
  await before.close()

  const after = new Afterword({ journal: folder })
  const ran: string[][] = []
  await new Promise<void>((resolve) => {
    const upgrade = (args: string[], version: number) => [...args, `from ${version}`]
    after.job('send', (...args: string[]) => ran.push(args) === 2 && resolve(), { version: 2, upgrade })
  })
  await after.close()
  expect(ran).toEqual([['first', 'from 1'], ['second']])
  expect(stored('records', 'shared')).toMatchObject([{ version: 3 }])
})
