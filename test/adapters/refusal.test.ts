import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Protocol } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/refusal.ts', import.meta.url)

const kept = { status: 200, complete: true, body: Buffer.from('kept') }

/** A server whose disk has room for small records only. */
function open(protocol: Protocol, framework: string, entry: string, folder: string): Promise<Site> {
  const args = [framework, entry, folder]
  return Site.open(program, { host: { protocol, node: 24 }, args, fileSize: 400 })
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
  { framework: 'koa', entries: ['adapter', 'auto'], http2: true },
  { framework: 'fastify', entries: ['adapter', 'auto'], http2: true },
  { framework: 'hono', entries: ['adapter', 'auto'], http2: true },
  { framework: 'h3', entries: ['adapter', 'auto'], http2: true },
  { framework: 'nest on express', entries: ['adapter'] },
  { framework: 'nest on fastify', entries: ['adapter'] },
]
const cases = [
  ...subjects.flatMap(({ framework, entries, http2 }) =>
    entries.flatMap((entry) => [
      { protocol: 'HTTP/1.1' as const, framework, entry },
      ...(http2 ? [{ protocol: 'h2c' as const, framework, entry }] : []),
    ]),
  ),
  { protocol: 'h2c' as const, framework: 'node, core API', entry: 'attach' },
]

describe.each(cases)(
  'a journal that refuses: $framework with $entry over $protocol',
  ({ protocol, framework, entry }) => {
    let site: Site
    let folder: string
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
      site = await open(protocol, framework, entry, folder)
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

describe.each(['HTTP/1.1', 'h2c'] as const)('Fastify answers a refusal as an error of the app, over %s', (protocol) => {
  it('by its own error handler, or by that of the app', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-refusal-'))
    await using site = await open(protocol, 'fastify', 'adapter', folder)
    const own = await site.ask('/whole')
    expect(JSON.parse(String(own.body))).toMatchObject({ statusCode: 503, code: 'AFTERWORD_JOURNAL_REFUSED' })
    expect(own).toMatchObject({ status: 503, headers: { 'access-control-allow-origin': '*', 'retry-after': '1' } })
    const ofApp = await site.ask('/own/pieces')
    expect([ofApp.status, JSON.parse(String(ofApp.body))]).toEqual([507, { sorry: 'AFTERWORD_JOURNAL_REFUSED' }])
    rmSync(folder, { recursive: true })
  })
})
