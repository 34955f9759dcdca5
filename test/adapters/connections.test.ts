import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { http1Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const gone = { delivered: false, aborted: true }

describe.each(http1Hosts)('one connection, $protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/connection.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })
  const get = (path: string, mark: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Mark: ${mark}\r\n\r\n`

  test('20 pipelined requests run their tasks, in order', async () => {
    const wire = site.wire()
    const visits = Array.from({ length: 20 }, (_, i) => ({ path: `/page/${i};`, mark: site.marks.next() }))
    wire.write(visits.map(({ path, mark }) => get(path, mark)).join(''))
    for (const { path, mark } of visits) {
      await wire.until(path)
      site.marks.make(mark)
    }
    for (const { mark } of visits) await site.ran(mark)
    await wire.close()
    expect(await site.account()).toEqual(account(visits.map(({ path }) => run({ path }))))
  })

  test.each(['close', 'reset'] as const)(
    'a pipelined response that is never written, because the client disconnects, runs its tasks: %s',
    async (how) => {
      const wire = site.wire()
      const first = site.marks.next()
      const second = site.marks.next()
      wire.write(get('/silent', first) + get('/page/2', second))
      await site.told('ended', second)
      await wire[how]()
      site.marks.make(first)
      site.marks.make(second)
      const { runs, ...rest } = await site.account()
      const expected = [run({ path: '/silent', ...gone }), run({ path: '/page/2', ...gone })]
      expect(new Set(runs)).toEqual(new Set(expected))
      expect({ runs: runs.length, ...rest }).toEqual({ ...account([]), runs: 2 })
    },
  )

  test('a client that half-closes before the response counts as gone, as for Node', async () => {
    const wire = site.wire()
    const mark = site.marks.next()
    wire.write(get('/silent', mark))
    await site.told('waiting', mark)
    wire.halfClose()
    await wire.ended
    site.marks.make(mark)
    expect(await site.account()).toEqual(account([run({ path: '/silent', ...gone })]))
    await wire.close()
  })

  test.each([
    { title: 'HTTP/1.0', path: '/page/1', version: '1.0', header: '' },
    {
      title: 'HTTP/1.0, where the end of the connection is the end of the body',
      path: '/parts',
      version: '1.0',
      header: '',
    },
    { title: '`Connection: close`', path: '/parts', version: '1.1', header: 'Connection: close\r\n' },
  ])('$title: the connection ends before the task runs', async ({ path, version, header }) => {
    for (let round = 0; round < 5; round++) {
      const wire = site.wire()
      const mark = site.marks.next()
      wire.write(`GET ${path} HTTP/${version}\r\nHost: localhost\r\n${header}X-Mark: ${mark}\r\n\r\n`)
      await wire.ended
      site.marks.make(mark)
      expect(wire.text).toContain(path)
      await wire.close()
    }
    expect(await site.account()).toEqual(account(Array(5).fill(run({ path }))))
  })

  test('20 requests one after another run one task each, with its own request', async () => {
    const paths = Array.from({ length: 20 }, (_, i) => `/page/${i}`)
    for (const path of paths) expect(await site.ask(path)).toMatchObject({ body: Buffer.from(path), complete: true })
    expect(await site.account()).toEqual(account(paths.map((path) => run({ path }))))
  })

  test('defer() in a listener of the connection between two requests belongs to neither', async () => {
    const wire = site.wire()
    const mark = site.marks.next()
    wire.write(get('/page/1', mark))
    await wire.until('/page/1')
    site.marks.make(mark)
    await site.ran(mark)
    wire.write('this is not HTTP\r\n\r\n')
    await wire.until('400')
    expect(await site.account()).toEqual(account([run({ path: '/page/1' }), run(null, 'clientError')]))
    await wire.close()
  })
})
