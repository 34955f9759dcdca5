import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type DashboardOptions, dashboard } from '../../src/dashboard/dashboard.ts'
import { Afterword, configure, defer, instance, job } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { EventStream } from './event-stream.ts'

const folder = mkdtempSync(join(tmpdir(), 'afterword-now-'))
afterAll(async () => {
  await instance().close()
  rmSync(folder, { recursive: true })
})

/** An app whose other paths begin `work`, and its dashboard. */
function start(work: () => unknown, options: DashboardOptions = {}) {
  const handler = dashboard(options)
  return serve(instance(), (req, res) => {
    if (req.url?.startsWith('/afterword')) return void handler(req, res)
    work()
    res.end()
  })
}

test('warnings name a task that blocked the event loop with its place, a paused job, and a job that no process knows', async () => {
  using _reports = new Reports()
  // Another release has left a call.
  await using earlier = new Afterword({ journal: folder, worker: false, signals: false })
  await earlier.job('gone', () => {}).dispatch()
  await earlier.close()
  configure({ journal: folder, slowTask: 5, signals: false })
  const Digest = job('digest', () => {})
  const hash = () => {
    const { user } = process.cpuUsage()
    while (process.cpuUsage().user - user < 50_000);
  }
  await using site = await start(() => defer(hash))
  await using events = await EventStream.open(`${site.url}/afterword/events`)
  await Digest.pause()
  await site.get('/')
  const known = (ids: readonly string[]) =>
    ['slow hash', 'paused digest', 'unknown gone'].every((id) => ids.some((each) => each.startsWith(id)))
  const { warnings } = await events.next('now', ({ warnings }) => known(warnings.map(({ id }) => id)))
  const textOf = (begin: string) => warnings.find(({ id }) => id.startsWith(begin))?.text
  expect(textOf('slow hash')).toMatch(/^The task "hash" kept the event loop busy once, for up to .*now\.test\.ts/)
  expect(textOf('paused digest')).toBe('The job "digest" is paused.')
  expect(textOf('unknown gone')).toMatch(/^1 record of "gone" can't run: no living process knows it/)
})

test('each second adds a point, with outcomes, waits and runs; a page that connects gets all of them', async () => {
  await using site = await start(() => defer(function quick() {}))
  await using events = await EventStream.open(`${site.url}/afterword/events`)
  await events.next('hello')
  const { now } = await events.next('now')
  await site.get('/')
  const { minutes } = await events.next('points', ({ minutes: [point] }) => (point?.done ?? 0) > 0)
  expect(minutes).toHaveLength(1)
  expect(minutes[0]).toMatchObject({ done: 1, failed: 0, due: 0, held: 0 })
  expect(minutes[0]?.run).toMatchObject({ p50: expect.any(Number), p95: expect.any(Number) })
  expect(minutes[0]?.at).toBeGreaterThan(now)
  await using later = await EventStream.open(`${site.url}/afterword/events`)
  const all = await later.next('points')
  expect(all.minutes.map(({ done }) => done)).toContain(1)
  expect(all.hours).toEqual([])
})

test('ten open pages are told the same', async () => {
  await using site = await start(() => defer(function quick() {}))
  await using stack = new AsyncDisposableStack()
  const pages = await Promise.all(Array.from({ length: 10 }, () => EventStream.open(`${site.url}/afterword/events`)))
  for (const page of pages) stack.use(page)
  await site.get('/signup')
  const rows = await Promise.all(
    pages.map((page) => page.next('requests', ([row]) => row?.path === '/signup' && row.tasks[0]?.state === 'done')),
  )
  expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBe(1)
})

test('frameAncestors lets pages of these origins show the dashboard in a frame, and no others', async () => {
  await using site = await start(() => {}, { frameAncestors: 'https://admin.example' })
  const { headers } = await fetch(`${site.url}/afterword/`)
  expect(headers.get('content-security-policy')).toContain('frame-ancestors https://admin.example')
  expect(headers.get('x-frame-options')).toBeNull()
  const below = await fetch(`${site.url}/afterword`)
  expect(below.headers.get('content-security-policy')).toMatch(
    /base-uri 'self';.*frame-ancestors https:\/\/admin\.example/,
  )
})
