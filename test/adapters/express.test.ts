import { statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { http1Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/express.ts', import.meta.url)
const apps = http1Hosts.flatMap((host) =>
  (['express', 'express-4'] as const).map((framework) => ({ ...host, framework })),
)

describe.each(apps)('$framework, $protocol on Node $node', ({ framework, ...host }) => {
  let site: Site
  beforeAll(async () => {
    // Express prints the errors of handlers unless it is told that this is a test.
    site = await Site.open(program, { host, args: [framework], env: { NODE_ENV: 'test' } })
    return () => site[Symbol.asyncDispose]()
  })

  test.each([
    { path: '/json', status: 200, body: '{"name":"Ada"}' },
    { path: '/redirect', status: 302, body: 'Found. Redirecting to /json' },
  ])('$path', async ({ path, status, body }) => {
    const answer = await site.ask(path)
    expect({ status: answer.status, body: String(answer.body) }).toEqual({ status, body })
    expect(await site.account()).toEqual(account([run({ path, status })]))
  })

  test.each(['/mounted/page/7', '/router/page/7'])('%s: a mounted app continues the scope', async (path) => {
    expect(await site.ask(path)).toMatchObject({ status: 200, body: Buffer.from('7') })
    expect(await site.account()).toEqual(account([run({ path }), run({ path }, 'inner')]))
  })

  test('a body that a middleware has read', async () => {
    const ask = { method: 'POST', body: '{"name":"Ada"}', headers: { 'content-type': 'application/json' } }
    expect(String((await site.ask('/parsed', ask)).body)).toBe('{"name":"Ada"}')
    expect(await site.account()).toEqual(account([run({ method: 'POST', path: '/parsed' })]))
  })

  test('an ETag that still holds: 304', async () => {
    const { headers } = await site.ask('/json')
    const again = await site.ask('/json', { headers: { 'if-none-match': String(headers.etag) } })
    expect({ status: again.status, size: again.body.length }).toEqual({ status: 304, size: 0 })
    expect(await site.account()).toEqual(account([run({ path: '/json' }), run({ path: '/json', status: 304 })]))
  })

  test.each([
    { title: 'a file', headers: {}, status: 200, size: statSync(program).size },
    { title: 'a range of a file', headers: { range: 'bytes=10-19' }, status: 206, size: 10 },
    { title: 'a range that the file has not', headers: { range: 'bytes=1000000-' }, status: 416 },
  ])('$title; tasks of the handler and of its callback', async ({ headers, status, size }) => {
    const answer = await site.ask('/file', { headers: headers as Record<string, string> })
    expect(answer).toMatchObject({ status, complete: true })
    if (size !== undefined) expect(answer.body.length).toBe(size)
    const runs = ['handler', 'callback'].map((task) => run({ path: '/file', status }, task))
    expect(await site.account()).toEqual(account(runs))
  })

  test.each(['/compressed', '/compressed-stream'])('%s', async (path) => {
    const answer = await site.ask(path, { headers: { 'accept-encoding': 'gzip' } })
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(String(gunzipSync(answer.body))).toBe('x'.repeat(100_000))
    expect(await site.account()).toEqual(account([run({ path })]))
  })

  test.each(['/throws', '/rejects'])('a handler fails before the headers: %s', async (path) => {
    expect(await site.ask(path)).toMatchObject({ status: 500, complete: true })
    expect(await site.account()).toEqual(account([run({ path, status: 500 })]))
  })

  test('a handler throws after the headers: the client sees no success', async () => {
    expect(await site.ask('/throws-amid')).toMatchObject({ status: 200, complete: false })
    expect(await site.account()).toEqual(account([run({ path: '/throws-amid', delivered: false, aborted: true })]))
  })

  test('two handlers of one request', async () => {
    expect(await site.ask('/passes-on')).toMatchObject({ status: 404, complete: true })
    const runs = ['first', 'not found'].map((task) => run({ path: '/passes-on', status: 404 }, task))
    expect(await site.account()).toEqual(account(runs))
  })
})
