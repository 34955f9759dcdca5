import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts, isHttp2 } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const server = new URL('programs/server.ts', import.meta.url)
// What a rule on the status alone would take for a success.
const gone = { status: 200, delivered: false, aborted: true }

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(server, { host })
    return () => site[Symbol.asyncDispose]()
  })

  describe.each(['close', 'reset'] as const)('the client disconnects by a %s', (how) => {
    test('before the headers: the tasks run as aborted', async () => {
      const visit = site.visit('/silent')
      await site.told('waiting', visit.mark)
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/silent', ...gone })]))
    })

    test('before the headers, and the handler ends the response all the same', async () => {
      const visit = site.visit('/ends-too-late')
      await site.told('waiting', visit.mark)
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/ends-too-late', ...gone })]))
    })

    test.each(['/defers-too-late', '/ends-and-defers-too-late'])(
      'before the handler %s: the tasks run at once',
      async (path) => {
        const visit = site.visit(path)
        await site.told('waiting', visit.mark)
        await visit.leave(how)
        expect(await site.account()).toEqual(account([run({ path, ...gone })]))
      },
    )

    test('before the headers, and a close listener calls defer()', async () => {
      const visit = site.visit('/defers-on-close')
      await site.told('waiting', visit.mark)
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/defers-on-close', ...gone })]))
    })

    test('amid the body: the tasks run as aborted', async () => {
      const visit = site.visit('/half')
      await visit.heard
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/half', ...gone })]))
    })

    test('amid server-sent events: the tasks run', async () => {
      const visit = site.visit('/events')
      await visit.heard
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/events', ...gone })]))
    })

    test('after res.end(), with bytes still on their way: the tasks run as aborted', async () => {
      const visit = site.visit('/ended', { read: false })
      await site.told('ended', visit.mark)
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/ended', ...gone })]))
    })

    test('after the last byte: the response counts as delivered', async () => {
      const visit = site.visit('/plain')
      await visit.answer
      await visit.leave(how)
      expect(await site.account()).toEqual(account([run({ path: '/plain' })]))
    })
  })

  describe('the handler breaks the response off', () => {
    test.each(['/destroys', '/destroys-with-error'])('by destroying it: %s', async (path) => {
      expect(await site.ask(path)).toMatchObject({ complete: false })
      expect(await site.account()).toEqual(account([run({ path, ...gone })]))
    })

    test('by destroying it after it has begun', async () => {
      const visit = site.visit('/destroys-half')
      await visit.heard
      site.go(visit.mark)
      // On HTTP/2 Node closes the stream without an error.
      expect(await visit.answer).toMatchObject({ body: Buffer.from('half'), complete: isHttp2(host) })
      expect(await site.account()).toEqual(account([run({ path: '/destroys-half', ...gone })]))
    })
  })
})
