import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Host, hosts, http2Hosts, isHttp2 } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/held-responses.ts', import.meta.url)

interface Case {
  readonly path: string
  readonly method?: string
  readonly status?: number
  readonly body?: string
}
const file = readFileSync(program, 'utf8')
const apis: { readonly api: string; readonly hosts: readonly Host[]; readonly cases: readonly Case[] }[] = [
  {
    api: 'http',
    hosts,
    cases: [
      { path: '/status', status: 204 },
      { path: '/reset', status: 205 },
      { path: '/not-modified', status: 304 },
      { path: '/head', method: 'HEAD' },
      { path: '/flushed' },
      { path: '/written', body: 'hello' },
    ],
  },
  {
    api: 'core',
    hosts: http2Hosts,
    cases: [
      { path: '/status', status: 204 },
      { path: '/end-stream' },
      { path: '/head', method: 'HEAD' },
      { path: '/file', body: file },
      { path: '/fd', body: file },
      { path: '/trailers', body: 'hello' },
      { path: '/finished-trailers', body: 'hello' },
    ],
  },
]

describe.each(apis)('the $api API', ({ api, hosts, cases }) => {
  describe.each(hosts)('$protocol on Node $node', (host) => {
    let folder: string
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'afterword-holds-'))
      return () => rmSync(folder, { recursive: true })
    })

    describe('a job that is stored late holds the response:', () => {
      let site: Site
      beforeAll(async () => {
        site = await Site.open(program, { host, args: [api, join(folder, 'app.db')] })
        return () => site[Symbol.asyncDispose]()
      })

      test.each(cases)('$path waits for the record', async ({ path, method = 'GET', status = 200, body = '' }) => {
        const visit = site.visit(path, { method })
        await site.told('held', visit.mark)
        if (isHttp2(host)) {
          // Whatever had left would be ahead of this on the connection.
          const first = await Promise.race([visit.answer, site.ask('/plain')])
          expect(String(first.body)).toBe('plain')
        }
        site.go(visit.mark)
        const { headers, ...answer } = await visit.answer
        expect(answer).toMatchObject({ status, body: Buffer.from(body), complete: true })
        expect(headers['x-done']).toBe('yes')
        if (path.endsWith('trailers')) expect(answer.trailers).toMatchObject({ 'x-sum': '42' })
      })
    })

    describe('an error of Node in a held response:', () => {
      let site: Site
      beforeAll(async () => {
        site = await Site.open(program, { host, args: [api, join(folder, 'refuses.db')] })
        return () => site[Symbol.asyncDispose]()
      })
      const answerTo = async (path: string) => {
        const visit = site.visit(path)
        await site.told('held', visit.mark)
        site.go(visit.mark)
        return visit.answer
      }

      test.each(['/ends-with-number', '/writes-number', '/writes-nonsense', '/no-status'])(
        '%s throws to the handler, as in a response that is not held',
        async (path) => {
          const { status, body, complete } = await site.ask(`/plain${path}`)
          expect(await answerTo(path)).toMatchObject({ status, body, complete })
          if (complete) expect(String(body)).toMatch(/^ERR_/)
          expect((await site.account()).reports).toEqual([])
        },
      )

      if (isHttp2(host)) return

      test('/too-short throws to the handler, which breaks the response off', async () => {
        expect(await answerTo('/too-short')).toMatchObject({ complete: false })
        expect((await site.account()).reports).toEqual([])
        expect(String((await site.ask('/plain')).body)).toBe('plain')
      })
    })

    test('writes after finishRequest() are discarded and reported, also when the response has left', async () => {
      await using site = await Site.open(program, { host, args: [api, join(folder, 'late.db')] })
      const visit = site.visit('/goes-on')
      await site.told('held', visit.mark)
      site.go(visit.mark)
      const { status, body, complete } = await visit.answer
      expect({ status, size: body.length, complete }).toEqual({ status: 200, size: 20_000_000, complete: true })
      expect((await site.account()).reports).toEqual(['AFTERWORD_LATE_WRITE'])
    })

    describe('a job that is refused breaks the response off:', () => {
      let site: Site
      beforeAll(async () => {
        site = await Site.open(program, { host, args: [api, join(folder, 'journal')], fileSize: 400 })
        return () => site[Symbol.asyncDispose]()
      })

      test.each(cases)('$path is no success', async ({ path, method = 'GET' }) => {
        const { status, headers, complete } = await site.ask(path, { method })
        expect({ status, complete, again: headers['retry-after'] }).toEqual({ status: 503, complete: true, again: '1' })
        expect(headers).not.toHaveProperty('x-done')
        expect(String((await site.ask('/plain')).body)).toBe('plain')
      })
    })
  })
})
