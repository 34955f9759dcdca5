import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts, http1Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const program = new URL('programs/request-events.ts', import.meta.url)

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(program, { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each(['GET', 'DELETE', 'POST', 'QUERY'])(
    '%s: defer() in the events of a body belongs to the request',
    async (method) => {
      const length = { 'content-length': '13' }
      const answer = await site.ask('/reads', { method, body: '{"query":"x"}', headers: length })
      expect(String(answer.body)).toBe('{"query":"x"}')
      expect(await site.account()).toEqual(account([run({ method, path: '/reads' }, 'end')]))
    },
  )

  test.each(['close', 'reset'] as const)(
    'defer() on close belongs to a GET whose client leaves by a %s',
    async (how) => {
      const visit = site.visit('/closes')
      await site.told('waiting', visit.mark)
      await visit.leave(how)
      const { runs, ...rest } = await site.account()
      const request = { path: '/closes', delivered: false, aborted: true }
      const tasks = ['close of the request', 'close of the response']
      expect(new Set(runs)).toEqual(new Set(tasks.map((task) => run(request, task))))
      expect({ ...rest, runs: runs.length }).toEqual({ ...account([]), runs: 2 })
    },
  )

  test('tasks run although the handler removes all listeners of its response', async () => {
    expect(await site.ask('/guard')).toMatchObject({ status: 408 })
    expect(await site.account()).toEqual(account([run({ path: '/guard', status: 408 }, 'guard')]))
  })
})

// A stream of HTTP/2 has no socket of its own, and all its events come outside the contexts of the handler.
describe.each(http1Hosts)('$protocol on Node $node', (host) => {
  test('defer() on finish belongs to the request, and the listener has its AsyncLocalStorage store', async () => {
    await using site = await Site.open(program, { host })
    await site.ask('/finishes')
    expect(await site.account()).toEqual(account([run({ path: '/finishes' }, 'finish: Ada')]))
  })

  test('tasks run although a handler takes the socket from its response', async () => {
    await using site = await Site.open(program, { host })
    const wire = site.wire()
    wire.write('GET /tunnel HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await wire.until('hello from the other side')
    await wire.ended
    await wire.close()
    const { runs, ...rest } = await site.account()
    expect(runs.map(({ task }) => task)).toEqual(['tunnel'])
    expect(rest).toEqual({ reports: [], warnings: [], left: [] })
  })
})
