import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { clock } from '../../src/clock.ts'
import { mostRequests, RecentRequests } from '../../src/dashboard/recent-requests.ts'
import { RequestSample } from '../../src/dashboard/request-sample.ts'
import type { RequestView, TaskView } from '../../src/dashboard/views.ts'
import { Afterword } from '../../src/index.ts'
import type { Scope } from '../../src/task/scope.ts'
import type { Task } from '../../src/task/task.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'

/** A row without what differs in each run. */
function pathsOf(rows: readonly RequestView[]) {
  return rows.map(({ method, path, status, tasks }) => ({ method, path, status, tasks: tasks.map(({ name }) => name) }))
}

function shape({ name, isKept, state, attempts }: TaskView) {
  return { name, isKept, state, attempts: attempts.map(({ status }) => status) }
}

test('a row has the request, the moment of its response, and each task with its attempts', async () => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  let tries = 0
  const Flaky = afterword.job('flaky', () => void (++tries === 1 && fail('the first time')), { retries: 1, backoff: 0 })
  await using site = await serve(afterword, (_req, res) => {
    Flaky.defer()
    afterword.defer(function fails() {
      fail('always')
    })
    res.statusCode = 201
    res.end()
  })
  await site.get('/signup?email=a@b.c')
  await afterword.drain()
  const [row, ...others] = recent.changedSince(0) as [RequestView, ...RequestView[]]
  expect(others).toEqual([])
  expect(row).toMatchObject({
    method: 'GET',
    path: '/signup',
    status: 201,
    delivered: true,
    pid: process.pid,
    moreTasks: 0,
  })
  expect(row.tasks.map(shape)).toEqual([
    { name: 'flaky', isKept: false, state: 'done', attempts: ['failed', 'done'] },
    { name: 'fails', isKept: false, state: 'failed', attempts: ['failed'] },
  ])
  const [flaky, fails] = row.tasks as [TaskView, TaskView]
  expect(flaky.attempts[0]?.error).toContain('Error: the first time')
  expect(fails.attempts[0]?.error).toContain('recent-requests.test.ts')
  expect(fails.place).toContain('recent-requests.test.ts')
  const times = [0, flaky.deferred, row.sent, flaky.attempts[0]?.from, flaky.attempts[0]?.to, flaky.attempts[1]?.from]
  expect(times).toEqual(times.toSorted((a = 0, b = 0) => a - b))
})

test('a row changes while its tasks go on, and no other row does', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  const { promise, resolve } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  await using site = await serve(afterword, (req, res) => {
    if (req.url === '/slow') {
      afterword.defer(function slow() {
        begun.resolve()
        return promise
      })
    } else afterword.defer(function quick() {})
    res.end()
  })
  await site.get('/quick')
  await site.get('/slow')
  await begun.promise
  const before = recent.changes
  expect(recent.changedSince(0).map(({ tasks }) => tasks[0]?.state)).toEqual(['done', 'running'])
  resolve()
  await afterword.drain()
  expect(pathsOf(recent.changedSince(before))).toEqual([{ method: 'GET', path: '/slow', status: 200, tasks: ['slow'] }])
})

test('a call that a request dispatches stands in its row, also once a worker has claimed it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-recent-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await using afterword = new Afterword({ journal: folder })
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  const ran = Promise.withResolvers<void>()
  const Later = afterword.job('later', () => ran.resolve())
  await using site = await serve(afterword, async (_req, res) => {
    await Later.with({ delay: 1 }).dispatch()
    res.end()
  })
  await site.get('/order')
  await ran.promise
  await afterword.drain()
  const rows = recent.changedSince(0)
  expect(pathsOf(rows)).toEqual([{ method: 'GET', path: '/order', status: 200, tasks: ['later'] }])
  expect(rows[0]?.tasks.map(shape)).toEqual([{ name: 'later', isKept: true, state: 'done', attempts: ['done'] }])
})

test('of the calls that a request dispatches, those that are not told one by one are counted once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-recent-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await using afterword = new Afterword({ journal: folder })
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  const all = Promise.withResolvers<void>()
  let ran = 0
  const Later = afterword.job('later', () => void (++ran === 60 && all.resolve()))
  await using site = await serve(afterword, async (_req, res) => {
    await Promise.all(Array.from({ length: 60 }, () => Later.with({ delay: 1 }).dispatch()))
    res.end()
  })
  await site.get('/many')
  await all.promise
  await afterword.drain()
  const rows = recent.changedSince(0)
  expect(rows).toMatchObject([{ path: '/many', moreTasks: 10 }])
  expect(rows[0]?.tasks).toHaveLength(50)
})

test('rows that have made room leave no calls behind, and follow no further ones', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  let now = clock.now()
  const time = vi.spyOn(clock, 'now').mockImplementation(() => now)
  onTestFinished(() => time.mockRestore())
  const dispatch = (scope: object, id: string) => recent.dispatched(scope as Scope, id, 'away')
  const long = {}
  dispatch(long, 'long')
  for (let row = 0; row < 150; row++) {
    now += 1000
    dispatch({}, `row ${row}`)
  }
  for (let call = 0; call < 11_000; call++) dispatch(long, `late ${call}`)
  now += 1000
  const last = {}
  dispatch(last, 'away')
  dispatch(last, 'back')
  recent.record({ id: 'back', scope: {}, record: {}, definition: {} } as Task)
  expect(recent.changedSince(0).at(-1)?.tasks).toMatchObject([{ id: 'away' }, { id: 'back', reason: undefined }])
})

test('the errors of a request have bounded room, however many there are', async () => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  const Large = afterword.job('large', () => fail('x'.repeat(10_000)), { retries: 9, backoff: 0 })
  await using site = await serve(afterword, (_req, res) => {
    for (let i = 0; i < 10; i++) Large.defer()
    res.end()
  })
  await site.get('/')
  await afterword.drain()
  const errors = (recent.changedSince(0)[0]?.tasks ?? []).flatMap(({ attempts }) => attempts.map(({ error }) => error))
  expect(errors).toHaveLength(100)
  expect(errors[0]).toHaveLength(4000)
  expect(errors.at(-1)).toMatch(/^Error: x+$/)
  expect(errors.join('').length).toBeLessThan(30_000)
})

test('work outside requests has rows without a path', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  afterword.defer(function tidy() {})
  await afterword.drain()
  expect(recent.changedSince(0)).toMatchObject([
    { method: undefined, path: undefined, sent: 0, tasks: [{ name: 'tidy', state: 'done' }] },
  ])
})

test('a request that defers nothing has no row; after close() none has', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  const recent = RecentRequests.open(metrics)
  await using site = await serve(afterword, (req, res) => {
    if (req.url !== '/nothing') afterword.defer(() => {})
    res.end()
  })
  await site.get('/nothing')
  await site.get('/one')
  await afterword.drain()
  recent.close()
  await site.get('/two')
  await afterword.drain()
  expect(recent.changedSince(0).map(({ path }) => path)).toEqual(['/one'])
})

test('those who look at one instance share its rows until the last one closes', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  using first = RecentRequests.open(metrics)
  RecentRequests.open(metrics).close()
  afterword.defer(function seen() {})
  await afterword.drain()
  expect(first.changedSince(0)).toHaveLength(1)
})

test('the oldest rows make room, and a row tells its first tasks and counts the others', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  using recent = RecentRequests.open(metrics)
  await using site = await serve(afterword, (_req, res) => {
    for (let i = 0; i < 60; i++) afterword.defer(() => {})
    res.end()
  })
  for (let i = 0; i < mostRequests + 20; i++) await site.get(`/${i}`)
  await afterword.drain()
  const rows = recent.changedSince(0)
  expect(rows.length).toBeLessThanOrEqual(mostRequests)
  expect(rows[0]?.tasks).toHaveLength(50)
  expect(rows[0]?.moreTasks).toBe(10)
})

test('a sample takes all of few, and an even share of many', () => {
  const few = new RequestSample(10)
  for (let at = 0; at < 5000; at += 200) expect(few.takes(at)).toBe(true)
  const many = new RequestSample(10)
  const taken: number[] = []
  for (let at = 0; at < 5000; at++) if (many.takes(at)) taken.push(at)
  // In the first second up to twice as many are taken as are wanted; then one of a hundred.
  expect(taken.filter((at) => at < 1000)).toHaveLength(20)
  expect(taken.filter((at) => at >= 1000)).toEqual(Array.from({ length: 40 }, (_, i) => 1000 + 100 * i))
})

function fail(message: string): never {
  throw new Error(message)
}
