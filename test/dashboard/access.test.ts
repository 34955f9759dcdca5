import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { dashboard } from '../../src/dashboard/dashboard.ts'
import type { DashboardOptions } from '../../src/options/dashboard-options.ts'
import { Reports } from '../support/reports.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

interface Asked {
  readonly path?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Answered {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

type Ask = (asked?: Asked) => Promise<Answered>

/** Serves a dashboard. Clients set their headers as they please, as no browser lets them. */
async function serve(options: DashboardOptions<never> = {}): Promise<Ask> {
  const handler = dashboard(options)
  const server = createServer((req, res) => void handler(req, res)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return async ({ path = '/afterword/', method = 'GET', headers = {}, body } = {}) => {
    const asked = request({ port, host: '127.0.0.1', path, method, headers })
    asked.end(body)
    const [response] = await once(asked, 'response')
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    return { status: response.statusCode, headers: response.headers, text }
  }
}

const json = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
const order = { path: '/afterword/actions', method: 'POST', body: '{"action":"retry","ids":["1"],"expected":1}' }

test('dashboard() without authorize is open to this machine', async () => {
  const ask = await serve()
  const { status, headers } = await ask()
  expect(status).toBe(200)
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
  const policy = String(headers['content-security-policy'])
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toContain('unsafe')
  expect(await ask({ ...order, headers: json })).toMatchObject({ status: 202 })
})

test.each([
  ['another name of this machine leads here', { host: 'evil.example' }],
  ['a proxy has forwarded it', { 'x-forwarded-for': '203.0.113.7' }],
  ['a proxy has forwarded it in the standard way', { forwarded: 'for=203.0.113.7' }],
])('dashboard() without authorize refuses a request where %s', async (_title, headers) => {
  const ask = await serve()
  for (const path of ['/afterword/', '/afterword/jobs', '/afterword/events', '/afterword/jobs/abc']) {
    const { status, text } = await ask({ path, headers })
    expect(status).toBe(403)
    expect(JSON.parse(text)).toEqual({ message: expect.stringContaining('Give dashboard({ authorize })') })
  }
})

test('dashboard() without authorize is closed in production', async () => {
  const ask = await serve()
  vi.stubEnv('NODE_ENV', 'production')
  const { status, text } = await ask()
  expect(status).toBe(403)
  expect(JSON.parse(text).message).toBe(
    'The dashboard is closed in production. Give dashboard({ authorize }) to tell who may see it.',
  )
})

test('dashboard() without authorize refuses a fetch request whose host does not tell who asks', async () => {
  const response = await dashboard()(new Request('http://localhost/afterword/'))
  expect(response.status).toBe(403)
})

test('authorize gets the request of the framework and decides, in production and behind a proxy as well', async () => {
  vi.stubEnv('NODE_ENV', 'production')
  const roles: Record<string, unknown> = { ada: { role: 'write', actor: 'ada' }, bob: 'read', eve: false }
  const ask = await serve({
    authorize: async (req: { headers: { cookie?: string } }) => roles[req.headers.cookie ?? 'eve'] as never,
  })
  const headers = (cookie: string) => ({ ...json, cookie, host: 'app.example', 'x-forwarded-for': '203.0.113.7' })
  expect(await ask({ headers: headers('eve') })).toMatchObject({
    status: 403,
    text: '{"message":"You may not see this."}',
  })
  expect(await ask({ headers: headers('bob') })).toMatchObject({ status: 200 })
  expect(await ask({ ...order, headers: headers('bob') })).toMatchObject({ status: 403 })
  const { status, text } = await ask({ ...order, headers: headers('ada') })
  expect([status, JSON.parse(text)]).toMatchObject([202, { who: 'ada' }])
})

test('authorize that throws lets nobody in, and is reported', async () => {
  using reports = new Reports()
  const ask = await serve({ authorize: () => Promise.reject(new Error('the secret of the database')) })
  const { status, text } = await ask()
  expect(status).toBe(500)
  expect(text).not.toContain('secret')
  expect(reports.codes).toEqual(['AFTERWORD_CALLBACK_FAILED'])
})

test('authorize that returns no role lets nobody in, and is reported', async () => {
  using reports = new Reports()
  const ask = await serve({ authorize: () => true as never })
  expect(await ask()).toMatchObject({ status: 403 })
  expect(reports.codes).toEqual(['AFTERWORD_DASHBOARD_ROLE'])
})

test.each([
  ['another site', { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' }, 403],
  ['a neighbour of the site', { 'content-type': 'application/json', 'sec-fetch-site': 'same-site' }, 403],
  ['another origin', { 'content-type': 'application/json', origin: 'http://evil.example' }, 403],
  ['an opaque origin', { 'content-type': 'application/json', origin: 'null' }, 403],
  ['nobody who says from where', { 'content-type': 'application/json' }, 403],
  ['a form', { 'content-type': 'text/plain', 'sec-fetch-site': 'same-origin' }, 415],
])('POST is refused from %s', async (_title, headers, expected) => {
  const ask = await serve()
  expect(await ask({ ...order, headers })).toMatchObject({ status: expected })
})

test.each([
  ['no JSON', '{', 400],
  ['no object', '1', 400],
  ['an unknown action', '{"action":"drop","ids":["1"]}', 400],
  ['neither ids nor a filter', '{"action":"retry"}', 400],
  ['a filter of an unknown state', '{"action":"retry","filter":{"state":"lost"}}', 400],
  ['too many ids', JSON.stringify({ action: 'retry', ids: new Array(1001).fill('1') }), 400],
  ['too many bytes', JSON.stringify({ action: 'retry', ids: ['x'.repeat(70_000)] }), 413],
])('POST is refused with %s', async (_title, body, expected) => {
  const ask = await serve()
  const { status, text } = await ask({ ...order, headers: json, body })
  expect(status).toBe(expected)
  expect(JSON.parse(text).message).toMatch(/\.$/)
})

test('dashboard() without authorize is closed to a proxy of this machine that speaks HTTP/1.0 and names nobody', async () => {
  const server = createServer(dashboard()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.end(`GET /afterword/ HTTP/1.0\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /)
})

test('dashboard() without authorize is closed to a page that was loaded under another name', async () => {
  const ask = await serve()
  const headers = { ...json, origin: 'http://app.example.com' }
  expect(await ask({ ...order, headers })).toMatchObject({ status: 403 })
})

test.each([
  ['GET', '/afterword/jobs?limit=0', 400],
  ['GET', '/afterword/jobs?state=lost', 400],
  ['GET', '/afterword/jobs/%E0%A4%A', 404],
  ['GET', '/afterword/jobs/none', 404],
  ['DELETE', '/afterword/jobs', 405],
])('%s %s is answered with %i', async (method, path, status) => {
  const ask = await serve()
  const headers = { 'sec-fetch-site': 'same-origin' }
  expect(await ask({ method, path, headers })).toMatchObject({ status })
})

test('dashboard() names an option that is none', () => {
  expect(() => dashboard({ authorise: () => 'read' } as never)).toThrow(
    /dashboard.*authorise.*Did you mean "authorize"\?/,
  )
  expect(() => dashboard({ authorize: 'read' } as never)).toThrow(/a function that returns a role/)
})

test('a file of the page is asked for once', async () => {
  const ask = await serve()
  const { text } = await ask()
  const [script = ''] = /[\w-]+\.js/.exec(text) ?? []
  const { headers } = await ask({ path: `/afterword/${script}`, headers: { 'accept-encoding': 'gzip;q=0, br;q=0' } })
  expect(headers['content-encoding']).toBeUndefined()
  const again = await ask({ path: `/afterword/${script}`, headers: { 'if-none-match': String(headers.etag) } })
  expect(again).toMatchObject({ status: 304, text: '' })
})

test.each(['//', '//[', 'http://[/', '/%', '/\\['])(
  'a request for %s is answered, though that is no path of a URL',
  async (path) => {
    const ask = await serve()
    expect(await ask({ path })).toMatchObject({ status: 200 })
  },
)

test('the page at a path without a slash has the path as it is, and nothing that it stands for', async () => {
  const ask = await serve()
  const { text } = await ask({ path: '/$\'$&<b>&"' })
  expect(text).toContain(`<base href="./$'$&amp;%3Cb>&amp;%22/">`)
})
