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

  test.each(['/mounted/page/7', '/router/page/7'])('a mounted app continues the scope: %s', async (path) => {
    expect(await site.ask(path)).toMatchObject({ status: 200, body: Buffer.from('7') })
    expect(await site.account()).toEqual(account([run({ path }), run({ path }, 'inner')]))
  })

  test('defer() behind a body parser belongs to the request', async () => {
    const ask = { method: 'POST', body: '{"name":"Ada"}', headers: { 'content-type': 'application/json' } }
    expect(String((await site.ask('/parsed', ask)).body)).toBe('{"name":"Ada"}')
    expect(await site.account()).toEqual(account([run({ method: 'POST', path: '/parsed' })]))
  })

  test('defer() in a request with a matching ETag runs after the 304', async () => {
    const { headers } = await site.ask('/json')
    const again = await site.ask('/json', { headers: { 'if-none-match': String(headers.etag) } })
    expect({ status: again.status, size: again.body.length }).toEqual({ status: 304, size: 0 })
    expect(await site.account()).toEqual(account([run({ path: '/json' }), run({ path: '/json', status: 304 })]))
  })

  test.each([
    { title: 'sendFile()', headers: {}, status: 200, size: statSync(program).size },
    { title: 'sendFile() with a range', headers: { range: 'bytes=10-19' }, status: 206, size: 10 },
    { title: 'sendFile() with a range outside the file', headers: { range: 'bytes=1000000-' }, status: 416 },
  ])('$title runs the tasks of the handler and of its callback', async ({ headers, status, size }) => {
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

  test.each(['/throws', '/rejects'])('a handler that fails before the headers runs its tasks: %s', async (path) => {
    expect(await site.ask(path)).toMatchObject({ status: 500, complete: true })
    expect(await site.account()).toEqual(account([run({ path, status: 500 })]))
  })

  test('a handler that throws after the headers runs its tasks, and the client sees no success', async () => {
    expect(await site.ask('/throws-amid')).toMatchObject({ status: 200, complete: false })
    expect(await site.account()).toEqual(account([run({ path: '/throws-amid', delivered: false, aborted: true })]))
  })

  test('two handlers of one request share its scope', async () => {
    expect(await site.ask('/passes-on')).toMatchObject({ status: 404, complete: true })
    const runs = ['first', 'not found'].map((task) => run({ path: '/passes-on', status: 404 }, task))
    expect(await site.account()).toEqual(account(runs))
  })
})
