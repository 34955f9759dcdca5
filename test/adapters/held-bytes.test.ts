import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Message } from '../support/program.ts'
import { hosts, isHttp2 } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/held-bytes.ts', import.meta.url)

/** The reasons for which bytes are held. */
const modes = ['normal', 'full', 'late', 'room'] as const

const paths = [
  { path: '/end', body: 'hello' },
  { path: '/write', body: 'hello' },
  { path: '/later-piece', body: 'hello' },
  { path: '/callbacks', body: 'hello' },
  { path: '/deferred-after-end', body: 'hello' },
  { path: '/head-alone', status: 204 },
  { path: '/ends-later', body: 'hello' },
  { path: '/ends-later-outside', body: 'hello' },
  { path: '/finishes-later', body: 'hello' },
  { path: '/destroys', body: 'hello' },
  { path: '/destroys-stream', body: 'hello', http2: true },
  { path: '/destroys-request', body: 'hello' },
  { path: '/closes', body: 'hello' },
  { path: '/destroys-soon', body: 'hello' },
  { path: '/ends-session', body: 'hello', http2: true, complete: false },
  { path: '/fails-after-end', body: 'hello', http1: true },
  { path: '/wrong-header', status: 500, body: 'handled' },
  { path: '/too-long', http1: true, complete: false },
  { path: '/large' },
  { path: '/gzip' },
  { path: '/writes-after-end', body: 'hello', http1: true },
  { path: '/throws', status: 500, body: 'before the response' },
  { path: '/pushes', body: 'hello', http2: true },
]

async function visit(site: Site, path: string) {
  const visit = site.visit(path)
  const { status, headers, body, complete, trailers } = await visit.answer
  const { date: _, ...fields } = headers
  const { notes } = await site.program.message<Message & { notes: string[] }>(
    'notes',
    ({ mark }) => mark === visit.mark,
  )
  const { reports } = await site.account()
  return { status, headers: fields, body: String(body), complete, trailers, notes, reports }
}

/** All protocols on one version of Node, and those without TLS on the others. */
const chosen = hosts.filter(({ protocol, node }) => node === 24 || protocol === 'HTTP/1.1' || protocol === 'h2c')

describe.each(chosen)('$protocol on Node $node', (host) => {
  const of = paths.filter(({ http1, http2 }) => (isHttp2(host) ? !http1 : !http2))
  let plain: Site
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'afterword-held-'))
    plain = await Site.open(program, { host, args: ['plain'] })
    return async () => {
      await plain[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    }
  })

  describe.each(modes)('bytes that are held, %s', (mode) => {
    let site: Site
    beforeAll(async () => {
      site = await Site.open(program, { host, args: [mode, folder] })
      return () => site[Symbol.asyncDispose]()
    })

    test.each(of)('$path: handler and client see what they see of a response that has left', async (expected) => {
      const { path, status = 200, body, complete = true } = expected
      const seen = await visit(plain, path)
      expect(seen).toMatchObject({ complete, ...(complete && { status }), ...(body !== undefined && { body }) })
      expect(await visit(site, path)).toEqual(seen)
    })

    // These write bytes of HTTP/1 by hand.
    if (isHttp2(host)) return

    const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Mark: ${site.marks.next()}\r\n\r\n`

    test('responses of one connection leave in order, each when it may', async () => {
      const wire = site.wire()
      wire.write(['/end', '/wrong-header', '/deferred-after-end', '/end'].map(request).join(''))
      await wire.until(/hello.*handled.*hello.*hello/s)
      expect(wire.text.match(/hello|handled/g)).toEqual(['hello', 'handled', 'handled', 'hello', 'hello'])
      await wire.close()
    })

    test('closeIdleConnections() leaves a connection alone on which a response is still to come', async () => {
      const wire = site.wire()
      wire.write(['/closes-idle', '/at-once', '/later'].map(request).join(''))
      await wire.until(/hello.*hello.*hello/s)
      wire.write(request('/at-once'))
      await wire.until(/hello.*hello.*hello.*hello/s)
      await wire.close()
    })

    test('a client that has half-closed its connection has its answer', async () => {
      const wire = site.wire()
      wire.write(`GET /end HTTP/1.1\r\nHost: localhost\r\nX-Mark: ${site.marks.next()}\r\n\r\n`)
      wire.halfClose()
      await wire.ended
      expect(wire.text).toMatch(/^HTTP\/1.1 200 OK.*hello$/s)
      await wire.close()
    })

    // TLS hands bytes over later, so that Node itself loses the responses behind.
    if (host.protocol === 'HTTPS') return

    test('socket.destroy() ends the connection once the responses have left that stand behind a held one', async () => {
      const wire = site.wire()
      wire.write(['/destroys-all', '/at-once', '/at-once'].map(request).join(''))
      await wire.ended
      expect(wire.text.match(/hello/g)).toHaveLength(3)
      await wire.close()
    })
  })
})
