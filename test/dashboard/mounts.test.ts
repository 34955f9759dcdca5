import { expect, test } from 'vitest'
import { nodeRuntimes, type Runtime } from '../../tools/runtimes.ts'
import { EventStream } from './event-stream.ts'
import { MountedApp } from './mounted-app.ts'

const mounts: readonly (readonly [framework: string, runtime: Runtime])[] = [
  ...nodeRuntimes.map((runtime) => ['express', runtime] as const),
  ['express-4', 'Node 24'],
  ['node:http', 'Node 24'],
  ['koa', 'Node 24'],
  ['fastify', 'Node 24'],
  ['fastify, with a prefix', 'Node 24'],
  ['hono', 'Node 24'],
  ['hono', 'Bun'],
  ['hono', 'Deno'],
  ['h3', 'Node 24'],
  ['h3', 'Bun'],
  ['nest on express', 'Node 24'],
  ['nest on fastify', 'Node 24'],
  ['fetch', 'Bun'],
  ['fetch', 'Deno'],
]

test.each(mounts)('dashboard() is mounted in %s on %s', async (framework, runtime) => {
  await using app = await MountedApp.start(framework, runtime)
  const url = `${app.origin}/afterword`

  // The addresses in the page are relative to that with a slash.
  const bare = await fetch(url, { redirect: 'manual' })
  expect([bare.status, await bare.text()]).toEqual([200, expect.stringContaining('<base href="./afterword/">')])
  expect(bare.headers.get('content-security-policy')).toContain("base-uri 'self'")
  const page = await fetch(`${url}/`)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
  const [script] = /[\w-]+\.js/.exec(await page.text()) ?? []
  const file = await fetch(`${url}/${script}`, { headers: { 'accept-encoding': 'gzip, br' } })
  expect([file.status, file.headers.get('content-encoding')]).toEqual([200, 'br'])
  expect(file.headers.get('cache-control')).toContain('immutable')
  expect((await file.text()).length).toBeGreaterThan(1000)

  expect((await fetch(`${url}/page-of-before.js`)).status).toBe(404)

  await using events = await EventStream.open(`${url}/events`)
  expect(await events.next('hello')).toMatchObject({ role: 'write', pid: app.pid, store: 'none' })
  expect(await (await fetch(`${app.origin}/signup`, { method: 'POST' })).text()).toBe('welcome')
  const [row, ...others] = await events.next('requests', ([row]) => row?.tasks[0]?.state === 'done')
  expect(row).toMatchObject({ method: 'POST', path: '/signup', tasks: [{ name: 'welcome' }] })
  expect(others).toEqual([])

  const order = { action: 'retry', ids: ['1'], expected: 1 }
  const headers = { 'content-type': 'application/json', origin: app.origin }
  const acted = await fetch(`${url}/actions`, { method: 'POST', headers, body: JSON.stringify(order) })
  expect([acted.status, await acted.json()]).toMatchObject([202, { action: 'retry', total: 1 }])
  expect(await events.next('action', ({ endedAt }) => endedAt !== undefined)).toMatchObject({ done: 0, unchanged: 1 })

  // A stream that is open does not hold up the shutdown.
  app.stop()
  await events.ended()
  expect(await app.ended).toBe(0)
})
