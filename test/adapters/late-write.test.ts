import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts, isHttp2 } from '../support/protocols.ts'
import { Site } from '../support/site.ts'

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/server.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  test.each(['/after-finish', '/after-close', '/from-timer'])(
    'defer() %s runs in the scope of the request',
    async (path) => {
      expect(await site.ask(path)).toMatchObject({ status: 200, complete: true })
      // A timer may be due only after this account: then the next one has it.
      let told = await site.account()
      while (told.runs.length === 0) told = await site.account()
      expect(told).toEqual(account([run({ path })]))
    },
  )

  test('defer() in a task adds a task behind those of the same scope', async () => {
    await site.ask('/nested')
    const tasks = ['outer', 'second', 'inner', 'innermost']
    expect(await site.account()).toEqual(account(tasks.map((task) => run({ path: '/nested' }, task))))
  })

  test('writes of a task to its response are discarded and reported once; the next response is intact', async () => {
    expect(await site.ask('/writes-in-task')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    const next = await site.ask('/plain')
    expect(next).toMatchObject({ status: 200, body: Buffer.from('hello'), complete: true })
    expect(next.headers).not.toHaveProperty('x-late')
    const runs = [run({ path: '/writes-in-task' }), run({ path: '/plain' })]
    expect(await site.account()).toEqual(account(runs, ['AFTERWORD_LATE_WRITE']))
  })

  test('any call of a task on its response neither throws nor reaches the next response', async () => {
    expect(await site.ask('/calls-everything')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    const next = await site.ask('/plain')
    expect(next).toMatchObject({ status: 200, body: Buffer.from('hello'), informational: [], complete: true })
    const runs = [run({ path: '/calls-everything' }), run({ path: '/plain' })]
    expect(await site.account()).toEqual(account(runs, ['AFTERWORD_LATE_WRITE']))
  })

  test('late calls call back with an error that tells why', async () => {
    await site.ask('/notes-late-calls')
    await site.account()
    const { body } = await site.ask('/results')
    const ofBoth = { 'end with a chunk': 'ERR_STREAM_WRITE_AFTER_END', write: 'ERR_STREAM_WRITE_AFTER_END' }
    const ofHttp2 = { push: 'ERR_HTTP2_INVALID_STREAM', writeContinue: 'false', 'destroyed stream': 'true' }
    expect(JSON.parse(String(body))).toEqual({
      ...ofBoth,
      end: 'ERR_STREAM_ALREADY_FINISHED',
      ...(isHttp2(host) ? ofHttp2 : { writeContinue: 'undefined' }),
    })
  })

  test('a write to a response that was sent never ends the process', async () => {
    expect(await site.ask('/writes-when-sent')).toMatchObject({ body: Buffer.from('hello'), complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/writes-when-sent' })], ['AFTERWORD_LATE_WRITE']))
  })
})

describe.each(hosts)('a response that is never sent: $protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    const args = ['auto', JSON.stringify({ maxRequestAge: 50 })]
    site = await Site.open(new URL('programs/server.ts', import.meta.url), { host, args })
    return () => site[Symbol.asyncDispose]()
  })
  const stuck = { delivered: false, aborted: false }

  test('maxRequestAge reports it, and its tasks run', async () => {
    const visit = site.visit('/silent')
    site.marks.make(visit.mark)
    await site.ran(visit.mark)
    await visit.leave('close')
    expect(await site.account()).toEqual(account([run({ path: '/silent', ...stuck })], ['AFTERWORD_STUCK']))
  })

  test("can still be sent, and its tasks don't run again", async () => {
    const visit = site.visit('/goes-on')
    site.marks.make(visit.mark)
    await site.ran(visit.mark)
    site.go(visit.mark)
    expect(await visit.answer).toMatchObject({ status: 200, body: Buffer.from('hello after all'), complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/goes-on', ...stuck })], ['AFTERWORD_STUCK']))
  })

  test('maxRequestAge does not report a response that is sent in time', async () => {
    // Long enough for a busy machine to answer in time. The later report tells that the age of the answered request is past, too.
    const args = ['auto', JSON.stringify({ maxRequestAge: 1000 })]
    await using patient = await Site.open(new URL('programs/server.ts', import.meta.url), { host, args })
    expect(await patient.ask('/plain')).toMatchObject({ complete: true })
    const visit = patient.visit('/silent')
    patient.marks.make(visit.mark)
    await patient.ran(visit.mark)
    await visit.leave('close')
    const runs = [run({ path: '/plain' }), run({ path: '/silent', ...stuck })]
    expect(await patient.account()).toEqual(account(runs, ['AFTERWORD_STUCK']))
  })
})
