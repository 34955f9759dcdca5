import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import type { Protocol } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/refusal.ts', import.meta.url)

const kept = { status: 200, complete: true, body: Buffer.from('kept') }

/** A store refuses when it is too late to throw, or at the call. */
const stores = ['disk', 'call'] as const
type Store = (typeof stores)[number]

/** A server whose disk, or database, has room for small records only. */
function open(store: Store, protocol: Protocol, framework: string, entry: string, folder: string): Promise<Site> {
  const host = { protocol, node: 24 } as const
  if (store === 'call') return Site.open(program, { host, args: [framework, entry, join(folder, 'app.db')] })
  return Site.open(program, { host, args: [framework, entry, folder], fileSize: 400 })
}

interface Subject {
  readonly framework: string
  /** The entry point that opens the scopes. */
  readonly entries: readonly ('adapter' | 'attach' | 'auto')[]
  readonly http2?: true
}

const subjects: readonly Subject[] = [
  { framework: 'node', entries: ['attach', 'auto'], http2: true },
  { framework: 'node, writeHead', entries: ['attach'], http2: true },
  { framework: 'express', entries: ['adapter', 'auto'] },
  { framework: 'connect', entries: ['adapter', 'auto'] },
  { framework: 'koa', entries: ['adapter', 'auto'], http2: true },
  { framework: 'fastify', entries: ['adapter', 'auto'], http2: true },
  { framework: 'hono', entries: ['adapter', 'auto'], http2: true },
  { framework: 'h3', entries: ['adapter', 'auto'], http2: true },
  { framework: 'nest on express', entries: ['adapter', 'auto'] },
  { framework: 'nest on fastify', entries: ['adapter', 'auto'] },
]
const cases = stores.flatMap((store) => [
  ...subjects.flatMap(({ framework, entries, http2 }) =>
    entries.flatMap((entry) => [
      { store, protocol: 'HTTP/1.1' as const, framework, entry },
      ...(http2 ? [{ store, protocol: 'h2c' as const, framework, entry }] : []),
    ]),
  ),
  { store, protocol: 'h2c' as const, framework: 'node, core API', entry: 'attach' },
])

describe.each(cases)(
  'a journal that refuses, by its $store: $framework with $entry over $protocol',
  ({ store, protocol, framework, entry }) => {
    let site: Site
    let folder: string
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
      site = await open(store, protocol, framework, entry, folder)
    })
    afterAll(async () => {
      await site?.[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    })

    it.each([
      { path: '/whole', what: 'an answer in one piece' },
      { path: '/pieces', what: 'a stream' },
      { path: '/length', what: 'a stream of a known length' },
      { path: '/empty', what: 'an answer without a body' },
      { path: '/whole', what: 'the answer to a HEAD', method: 'HEAD' },
    ])('$what is never a success', async ({ path, method = 'GET' }) => {
      const answer = await site.ask(path, { method })
      expect(answer).toMatchObject({ status: 503, complete: true, headers: { 'retry-after': '1' } })
      // What can be kept is answered as before.
      expect(await site.ask('/kept')).toMatchObject(kept)
    })

    it('a job that is refused amid a stream breaks it off', async () => {
      const visit = site.visit('/amid')
      await visit.heard
      site.go(visit.mark)
      expect(await visit.answer).toMatchObject({ status: 200, complete: false })
      expect(await site.ask('/kept')).toMatchObject(kept)
    })

    it('a client that disconnects from a held response disturbs no other', async () => {
      for (const path of ['/whole', '/pieces']) await site.visit(path).leave('close')
      // This one may be in a transaction with theirs.
      await site.ask('/kept')
      expect(await site.ask('/kept')).toMatchObject(kept)
    })
  },
)

describe('a journal that refuses at the call', () => {
  test.each([
    { framework: 'express', protocol: 'HTTP/1.1', paths: ['/own/whole'] },
    { framework: 'connect', protocol: 'HTTP/1.1', paths: ['/own/whole'] },
    { framework: 'fastify', protocol: 'HTTP/1.1', paths: ['/own/whole', '/own/pieces'] },
    { framework: 'fastify', protocol: 'h2c', paths: ['/own/whole', '/own/pieces'] },
    { framework: 'hono', protocol: 'HTTP/1.1', paths: ['/own/whole', '/own/pieces'] },
    { framework: 'hono', protocol: 'h2c', paths: ['/own/whole', '/own/pieces'] },
    { framework: 'h3', protocol: 'HTTP/1.1', paths: ['/own/whole', '/own/pieces'] },
    { framework: 'h3', protocol: 'h2c', paths: ['/own/whole', '/own/pieces'] },
  ] as const)(
    '$framework over $protocol: the error handler of the app answers',
    async ({ framework, protocol, paths }) => {
      const folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
      await using site = await open('call', protocol, framework, 'adapter', folder)
      for (const path of paths) {
        const { status, body } = await site.ask(path)
        expect([status, JSON.parse(String(body))]).toEqual([507, { sorry: 'AFTERWORD_JOURNAL_REFUSED' }])
      }
      rmSync(folder, { recursive: true })
    },
  )

  test.each([
    { framework: 'express', text: 'The journal could not store a record' },
    { framework: 'connect', text: 'The journal could not store a record' },
    { framework: 'koa', text: 'Service Unavailable' },
    { framework: 'fastify', text: '"code":"AFTERWORD_JOURNAL_REFUSED"' },
    { framework: 'h3', text: '"status":503' },
    { framework: 'nest on express', text: '"statusCode":503' },
    { framework: 'nest on express', entry: 'auto', text: '"statusCode":503' },
  ])('$framework answers as it answers any error with a status', async ({ framework, entry = 'adapter', text }) => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
    await using site = await open('call', 'HTTP/1.1', framework, entry, folder)
    const { status, headers, body } = await site.ask('/whole')
    expect([status, headers['retry-after'], String(body)]).toEqual([503, '1', expect.stringContaining(text)])
    if (framework === 'fastify') expect(headers).toMatchObject({ 'access-control-allow-origin': '*' })
    rmSync(folder, { recursive: true })
  })
})
