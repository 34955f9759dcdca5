import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pageFiles } from '../../src/dashboard/page-files.ts'
import type { SentResponse } from '../../src/index.ts'
import { EventStream } from '../dashboard/event-stream.ts'
import { run } from '../support/account.ts'
import { NextApp, type NextSite } from '../support/next-site.ts'
import type { Ask } from '../support/visit.ts'

// Builds take most of the time; how long is up to the machine.
const patience = 300_000
const failed = (cause: string) => ({ code: 'AFTERWORD_TASK_FAILED', cause: `Error: ${cause}` })

let app: NextApp
beforeAll(async () => {
  app = await NextApp.build()
}, patience)
afterAll(() => app?.[Symbol.dispose]())

/** All that happened: these tasks of one request, in this order, and these reports. */
function account(path: string, tasks: readonly string[], request: Partial<SentResponse> = {}, reports: object[] = []) {
  return { runs: tasks.map((task) => run({ path, ...request }, task)), reports, left: [] }
}

/** As a browser without JavaScript sends it. */
async function form(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Ask> {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.set(name, value)
  const encoded = new Response(data)
  const type = String(encoded.headers.get('content-type'))
  return { method: 'POST', headers: { 'content-type': type, ...headers }, body: await encoded.text() }
}

describe.each([
  { title: 'next start', start: () => app.start() },
  { title: 'server.js of a standalone build', start: () => app.standalone() },
])('$title', ({ start }) => {
  let site: NextSite
  beforeAll(async () => {
    site = await start()
    return () => site[Symbol.asyncDispose]()
  }, patience)

  test('dashboard() is mounted by a route for all paths below it, closed but for whom `authorize` lets in', async () => {
    const url = `${site.origin}/afterword`
    expect((await fetch(url)).status).toBe(403)
    const headers = { 'x-admin': 'ada' }
    // Next redirects a path with a slash at its end to that without.
    for (const address of [url, `${url}/`]) {
      const page = await fetch(address, { headers })
      expect([page.status, page.url]).toEqual([200, url])
      const base = new URL(/<base href="(.*?)">/.exec(await page.clone().text())?.[1] ?? '', page.url)
      const [script = ''] = /[\w-]+\.js/.exec(await page.text()) ?? []
      const file = await fetch(new URL(script, base), { headers })
      expect([file.status, file.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
      // Next compresses it, and `fetch` decodes that.
      expect(await file.text()).toBe(pageFiles[script]?.text)
    }
    await using events = await EventStream.open(`${url}/events`, headers)
    expect(await events.next('hello')).toMatchObject({ role: 'write' })
    expect(await site.ask('/t/defer')).toMatchObject({ status: 200 })
    const [row] = await events.next('requests', ([row]) => row?.tasks[0]?.state === 'done')
    expect(row).toMatchObject({ method: 'GET', path: '/t/defer', tasks: [{ state: 'done' }] })
    const order = { method: 'POST', body: JSON.stringify({ action: 'retry', ids: ['1'], expected: 1 }) }
    const sent = { ...headers, 'content-type': 'application/json', origin: site.origin }
    const acted = await fetch(`${url}/actions`, { ...order, headers: sent })
    expect([acted.status, await acted.json()]).toMatchObject([202, { action: 'retry', who: 'ada' }])
    await site.account()
  })

  test.each([
    { title: 'a route handler', path: '/t/defer', tasks: ['route'] },
    { title: 'a server component', path: '/p/plain', tasks: ['page', 'page'] },
    { title: 'notFound in a route handler', path: '/t/not-found', status: 404, tasks: ['route'] },
    { title: 'notFound in a page', path: '/p/not-found', status: 404, tasks: ['page', 'page'] },
    { title: 'a route handler that throws', path: '/t/throws', status: 500, tasks: ['route'] },
    { title: 'a page that throws', path: '/p/throws', status: 500, tasks: ['page', 'page'] },
    { title: 'a redirect', path: '/t/redirect', status: 307, tasks: ['route'] },
    {
      title: 'after, nested and next to defer',
      path: '/t/after',
      tasks: ['route', 'first', 'second', 'nested', 'deferred'],
    },
  ])('$title', async ({ path, tasks, status = 200 }) => {
    expect(await site.ask(path)).toMatchObject({ status, complete: true })
    expect(await site.account()).toEqual(account(path, tasks, { status }))
  })

  test('defer.in() of a NextRequest: the task belongs to that request, whichever code calls it', async () => {
    expect(await site.ask('/t/addressed')).toMatchObject({ status: 200, complete: true })
    const { runs, ...rest } = await site.account()
    const ran = (task: string, request: Partial<SentResponse> | null) => run(request, task)
    const expected = [
      ran('elsewhere', null),
      ran('route', { path: '/t/addressed' }),
      ran('addressed', { path: '/t/addressed' }),
    ]
    expect(new Set(runs)).toEqual(new Set(expected))
    expect(rest).toEqual({ reports: [], left: [] })
  })

  test('the proxy: one scope with the route handler', async () => {
    expect(await site.ask('/t/proxied')).toMatchObject({ status: 200, complete: true })
    const tasks = ['proxy', 'after of the proxy', 'route', 'route']
    expect(await site.account()).toEqual(account('/t/proxied', tasks, {}, [failed('in the proxy')]))
  })

  test('a server action: one scope with the page that is rendered after it', async () => {
    const page = String((await site.ask('/action')).body)
    await site.account()
    const [, field] = /name="(\$ACTION_ID_[^"]+)"/.exec(page) ?? []
    const ask = await form({ [String(field)]: '' }, { 'x-from': 'a form' })
    expect(await site.ask('/action', ask)).toMatchObject({ status: 200, complete: true })
    const tasks = ['action', 'after, a form', 'page']
    expect(await site.account()).toEqual(account('/action', tasks, { method: 'POST' }))
  })

  test.each([
    { path: '/t/promise', task: 'promise', cause: 'in a promise' },
    { path: '/t/vercel-functions', task: 'waitUntil', cause: 'in waitUntil' },
  ])('$path: a drain waits for work that has begun, and its failure is reported', async ({ path, task, cause }) => {
    const { mark, answer } = site.visit(path)
    expect(await answer).toMatchObject({ status: 200, complete: true })
    await site.waiting(mark)
    const accounted = site.account()
    site.go(mark)
    const { runs, reports, left } = await accounted
    expect(runs.map(({ task }) => task).sort()).toEqual(['route', task].sort())
    expect({ reports, left }).toEqual({ reports: [failed(cause)], left: [] })
  })

  test('after() that fails is reported with its cause, and the next one runs', async () => {
    await site.ask('/t/failing')
    expect(await site.account()).toEqual(account('/t/failing', ['route', 'next'], {}, [failed('in after')]))
    expect(site.program.stderr).not.toContain('An error occurred in a function passed to')
  })

  test.each([
    { path: '/t/stream', tasks: ['route', 'after'], body: 'first last' },
    { path: '/p/streamed', tasks: ['page', 'after', 'late'], body: 'at last' },
  ])('$path runs no task before the end of a streamed response', async ({ path, tasks, body }) => {
    const { mark, heard, answer } = site.visit(path)
    await heard
    await site.waiting(mark)
    expect(site.told().runs).toEqual([])
    site.go(mark)
    expect(String((await answer).body)).toContain(body)
    expect(await site.account()).toEqual(account(path, tasks))
  })

  test('a client that leaves a stream: the tasks run', async () => {
    const visit = site.visit('/t/endless')
    await visit.heard
    await visit.leave('reset')
    const request = { delivered: false, aborted: true }
    expect(await site.account()).toEqual(account('/t/endless', ['route', 'after'], request))
  })

  test('after() can call cookies() and headers(), where Next allows them', async () => {
    await site.ask('/t/request-data', { headers: { cookie: 'name=ada', 'x-from': 'london' } })
    expect(await site.account()).toEqual(account('/t/request-data', ['route', 'ada, london']))
    await site.ask('/p/request-data')
    const { reports } = await site.account()
    expect(reports).toEqual([{ code: 'AFTERWORD_TASK_FAILED', cause: expect.stringContaining('`headers()`') }])
  })

  test('after() can revalidate', async () => {
    const before = String((await site.ask('/cached')).body)
    expect(String((await site.ask('/cached')).body)).toBe(before)
    await site.ask('/t/revalidates')
    await site.account()
    expect(String((await site.ask('/cached')).body)).not.toBe(before)
  })

  test('concurrency: 1 lets after() of a second request wait for that of the first', async () => {
    const [first, second] = [site.visit('/t/waits-after'), site.visit('/t/waits-after')]
    await Promise.all([first.answer, second.answer])
    await site.waiting(first.mark)
    await site.pause()
    const begun = site.program.messages.filter(({ type, mark }) => type === 'waiting' && mark === second.mark)
    expect(begun).toEqual([])
    site.go(first.mark)
    await site.waiting(second.mark)
    site.go(second.mark)
    expect((await site.account()).left).toEqual([])
  })

  test('SIGTERM answers the request in flight, runs its after(), then ends the process', async () => {
    await using site = await start()
    const { mark, answer } = site.visit('/t/waits')
    await site.waiting(mark)
    site.program.kill('SIGTERM')
    await site.program.message('signalled')
    site.go(mark)
    expect(await answer).toMatchObject({ status: 200, complete: true })
    expect(await site.program.exited).toEqual({ code: 0, signal: null })
    expect(site.told()).toEqual({
      runs: ['route', 'after'].map((task) => run({ path: '/t/waits' }, task)),
      reports: [],
    })
  })

  test('SIGTERM lets after() end, then calls onShutdown(), then ends the process', async () => {
    await using site = await start()
    const { mark, answer } = site.visit('/t/waits-after')
    await answer
    await site.waiting(mark)
    site.program.kill('SIGTERM')
    await site.program.message('signalled')
    await site.pause()
    site.go(mark)
    expect(await site.program.exited).toEqual({ code: 0, signal: null })
    expect(site.told().runs.map(({ task }) => task)).toEqual(['route', 'after'])
    expect(site.program.messages.at(-1)).toEqual({ type: 'shutdown' })
  })

  test('SIGTERM answers a request in flight without tasks', async () => {
    await using site = await start()
    const { mark, answer } = site.visit('/t/plain')
    await site.waiting(mark)
    site.program.kill('SIGTERM')
    await site.program.message('signalled')
    await site.pause()
    site.go(mark)
    expect(await answer).toMatchObject({ status: 200, complete: true })
    expect(await site.program.exited).toEqual({ code: 0, signal: null })
  })

  test('SIGTERM before the first request ends the process', async () => {
    await using site = await start()
    site.program.kill('SIGTERM')
    expect(await site.program.exited).toEqual({ code: 0, signal: null })
  })
})

describe('examples/next', () => {
  let site: NextSite
  beforeAll(async () => {
    site = await app.start()
    return () => site[Symbol.asyncDispose]()
  }, patience)

  test('runs the tasks of its route handler', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const ask = { method: 'POST', headers, body: 'address=ada@example.org' }
    expect(await site.ask('/signup', ask)).toMatchObject({
      status: 201,
      body: Buffer.from('{"address":"ada@example.org"}'),
    })
    expect(await site.account()).toMatchObject({ reports: [], left: [] })
    expect(site.program.stdout).toMatch(/welcome, ada@example.org\ncounted ada@example.org/)
  })

  test('runs the tasks of its server action', async () => {
    const [, field] = /name="(\$ACTION_ID_[^"]+)"/.exec(String((await site.ask('/')).body)) ?? []
    const parts = { [String(field)]: '', address: 'grace@example.org' }
    const answer = await site.ask('/', await form(parts))
    expect({ status: answer.status, to: answer.headers.location }).toEqual({
      status: 303,
      to: '/?welcome=grace%40example.org',
    })
    await site.account()
    expect(site.program.stdout).toContain('welcome, grace@example.org')
  })
})

describe("serverExternalPackages: ['afterword'], with a middleware of the edge runtime and a basePath", () => {
  let app: NextApp
  let site: NextSite
  beforeAll(async () => {
    app = await NextApp.build(new URL('next-app-edge', import.meta.url))
    site = await app.start()
    return async () => {
      await site[Symbol.asyncDispose]()
      app[Symbol.dispose]()
    }
  }, patience)

  test('runs the tasks of a route handler, and after(): their path is that behind the basePath, as Next has it', async () => {
    expect(await site.ask('/base/t/after')).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account('/t/after', ['route', 'first', 'second', 'nested', 'deferred']))
  })

  test('runs the tasks of a page', async () => {
    expect(await site.ask('/base/p/plain')).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account('/p/plain', ['page', 'page']))
  })

  test('dashboard() is mounted below the basePath, closed without `authorize`', async () => {
    const url = `${site.origin}/base/afterword`
    const headers = { 'x-admin': 'ada' }
    const page = await fetch(url, { headers })
    expect([page.status, page.url]).toEqual([200, url])
    const text = await page.text()
    const base = new URL(/<base href="(.*?)">/.exec(text)?.[1] ?? '', page.url)
    const [script = ''] = /[\w-]+\.js/.exec(text) ?? []
    const file = await fetch(new URL(script, base), { headers })
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8'])
    await using events = await EventStream.open(String(new URL('events', base)), headers)
    expect(await events.next('hello')).toMatchObject({ role: 'write' })

    const closed = await fetch(`${site.origin}/base/open`)
    expect([closed.status, await closed.json()]).toEqual([403, { message: expect.stringContaining('authorize') }])
  })

  test('leaves the middleware to Next', async () => {
    expect(await site.ask('/base/t/proxied')).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account('/t/proxied', ['route', 'route']))
  })

  test('drain() waits for a revalidation in after()', async () => {
    const before = String((await site.ask('/base/cached')).body)
    expect(String((await site.ask('/base/cached')).body)).toBe(before)
    await site.ask('/base/t/revalidates')
    await site.waiting('revalidation')
    let drained = false
    const accounted = site.account().then(() => (drained = true))
    for (let i = 0; i < 3; i++) await site.pause()
    expect(drained).toBe(false)
    site.go('revalidation')
    await accounted
    expect(String((await site.ask('/base/cached')).body)).not.toBe(before)
  })
})

test('defer() without register() gives one warning that names the fix', async () => {
  await using site = await app.start({ env: { UNREGISTERED: 'yes' } })
  for (const path of ['/t/defer', '/t/defer', '/p/plain']) await site.ask(path)
  const { reports } = await site.account()
  expect(reports.map(({ code }) => code)).toEqual(['AFTERWORD_NO_SCOPE'])
})

test('a job of a route, a page and instrumentation.ts is one job', async () => {
  await using site = await app.start()
  for (const path of ['/t/keeps', '/p/keeps', '/t/keeps']) expect(await site.ask(path)).toMatchObject({ status: 200 })
  expect(await site.account()).toMatchObject({ reports: [], left: [] })
})

test('a job that the journal can not store is never a success', async () => {
  const journal = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
  await using site = await app.start({ env: { JOURNAL: journal }, fileSize: 400 })
  expect(await site.ask('/t/keeps')).toMatchObject({ status: 200, complete: true })
  for (const path of ['/t/can-not-keep', '/t/can-not-keep-stream']) {
    expect(await site.ask(path)).toMatchObject({ status: 503, complete: true, headers: { 'retry-after': '1' } })
  }
  expect(await site.ask('/t/keeps')).toMatchObject({ status: 200, complete: true })
  rmSync(journal, { recursive: true })
})

test('a standalone build has the journal in it', async () => {
  const journal = mkdtempSync(join(tmpdir(), 'afterword-standalone-'))
  app.uninstall()
  await using site = await app.standalone({ env: { JOURNAL: journal } })
  for (const path of ['/t/keeps', '/p/keeps']) expect(await site.ask(path)).toMatchObject({ status: 200 })
  expect(await site.account()).toMatchObject({ reports: [], left: [] })
  expect(readdirSync(journal)).toContainEqual(expect.stringMatching(/log/))
  rmSync(journal, { recursive: true })
})
