import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { http2Hosts } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

const gone = { delivered: false, aborted: true }

describe.each(http2Hosts)('many responses on one session, $protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/server.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test('30 streams at once run one task each', async () => {
    const paths = Array.from({ length: 30 }, (_, i) => `/awaits?${i}`)
    const visits = paths.map((path) => site.visit(path))
    for (const { mark } of visits) await site.told('waiting', mark)
    for (const { mark } of visits) site.go(mark)
    for (const { answer } of visits) expect(await answer).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account(Array(30).fill(run({ path: '/awaits' }))))
  })

  test('an error of one stream leaves its neighbours alone', async () => {
    const broken = site.visit('/half')
    const destroyed = site.visit('/destroys-with-error')
    const waiting = site.visit('/awaits')
    await Promise.all([broken.heard, destroyed.answer, site.told('waiting', waiting.mark)])
    await broken.leave('close')
    await site.ran(broken.mark)
    site.go(waiting.mark)
    expect(await waiting.answer).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(
      account([
        run({ path: '/destroys-with-error', ...gone }),
        run({ path: '/half', ...gone }),
        run({ path: '/awaits' }),
      ]),
    )
  })

  test('a session that breaks runs one task for each stream', async () => {
    const visits = Array.from({ length: 10 }, () => site.visit('/silent'))
    for (const { mark } of visits) await site.told('waiting', mark)
    await Promise.all(visits.map((visit) => visit.leave('reset')))
    expect(await site.account()).toEqual(account(Array(10).fill(run({ path: '/silent', ...gone }))))
  })
})

describe.each(http2Hosts)('the core API, $protocol on Node $node', (host) => {
  const program = new URL('programs/core-api.ts', import.meta.url)
  let site: Site
  beforeAll(async () => {
    site = await Site.open(program, { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each([
    { path: '/plain?secret=1', status: 200, body: 'hello' },
    { path: '/status', status: 204, body: '' },
    { path: '/file', status: 200, body: readFileSync(new URL('programs/core-api.ts', import.meta.url), 'utf8') },
    { path: '/trailers', status: 200, body: 'hello' },
  ])('$path', async ({ path, status, body }) => {
    expect(await site.ask(path)).toMatchObject({ status, body: Buffer.from(body), complete: true })
    expect(await site.account()).toEqual(account([run({ path: path.replace(/\?.*/, ''), status })]))
  })

  test('defer() in a HEAD of a stream', async () => {
    expect(await site.ask('/head', { method: 'HEAD' })).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account([run({ method: 'HEAD', path: '/head' })]))
  })

  test('a 103 does not count as the response of a stream', async () => {
    const visit = site.visit('/hints')
    await visit.heard
    site.go(visit.mark)
    expect(await visit.answer).toMatchObject({ informational: [103], status: 200, complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/hints' })]))
  })

  test('defer() in body listeners of a stream belongs to the request', async () => {
    const answer = await site.ask('/body', { method: 'POST', body: 'x'.repeat(100_000) })
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('100000') })
    const tasks = ['stream', 'data', 'end']
    expect(await site.account()).toEqual(account(tasks.map((task) => run({ method: 'POST', path: '/body' }, task))))
  })

  test('a pushed stream is a part of the response', async () => {
    expect(await site.ask('/push')).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/push' })]))
  })

  test('finishRequest() ends the stream', async () => {
    expect(await site.ask('/finish-request')).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/finish-request' }), run(null, 'outcomes: done')]))
  })

  test('writes of a task to its stream are discarded and reported', async () => {
    expect(await site.ask('/writes-in-task')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/writes-in-task' })], ['AFTERWORD_LATE_WRITE']))
  })

  test.each(['close', 'reset'] as const)('a client that disconnects by a %s aborts the stream', async (how) => {
    const visit = site.visit('/half')
    await visit.heard
    await visit.leave(how)
    expect(await site.account()).toEqual(account([run({ path: '/half', ...gone })]))
  })

  test.each(['/refuses', '/destroys'])('a handler that breaks the stream off aborts it: %s', async (path) => {
    await site.ask(path)
    expect(await site.account()).toEqual(account([run({ path, ...gone })]))
  })

  test('stream and request listeners share one scope', async () => {
    await using site = await Site.open(program, { host, args: ['both'] })
    expect(await site.ask('/')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    expect(await site.account()).toEqual(account([run({}), run({}, 'request')]))
  })
})
