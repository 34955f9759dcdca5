import { beforeAll, describe, expect, test } from 'vitest'
import { account, run } from '../support/account.ts'
import { hosts, isHttp2 } from '../support/protocols.ts'
import { Site } from '../support/site.ts'
import type { Ask } from '../support/visit.ts'

describe.each(hosts)('$protocol on Node $node', (host) => {
  let site: Site
  beforeAll(async () => {
    site = await Site.open(new URL('programs/server.ts', import.meta.url), { host })
    return () => site[Symbol.asyncDispose]()
  })

  interface Case {
    title: string
    path: string
    ask?: Ask
    status?: number
    body?: string
    tasks?: string[]
  }
  const status = (code: number): Case => ({
    title: `a ${code}`,
    path: '/status',
    ask: { headers: { 'x-status': String(code) } },
    status: code,
  })
  const post: Ask = { method: 'POST', body: 'x'.repeat(200_000) }

  test.each<Case>([
    { title: 'defer() in a GET: the task sees the path without the query', path: '/plain?secret=1', body: 'hello' },
    { title: 'defer() in a HEAD', path: '/plain', ask: { method: 'HEAD' } },
    { title: 'defer() in a DELETE', path: '/plain', ask: { method: 'DELETE' }, body: 'hello' },
    status(204),
    status(205),
    status(304),
    status(404),
    status(500),
    {
      title: 'defer() runs tasks in the order of the calls',
      path: '/three',
      body: 'hello',
      tasks: ['first', 'second', 'third'],
    },
    { title: 'res.end() twice runs each task once', path: '/end-twice', body: 'once' },
    { title: 'defer() in a POST', path: '/plain', ask: post, body: 'hello' },
    {
      title: 'defer() in body listeners belongs to the request',
      path: '/body',
      ask: post,
      body: '200000',
      tasks: ['handler', 'data', 'end'],
    },
    {
      title: 'defer() behind readable listeners belongs to the request',
      path: '/body-readable',
      ask: post,
      body: '200000',
    },
    {
      title: 'defer() behind for await of the body belongs to the request',
      path: '/body-iterated',
      ask: post,
      body: '200000',
    },
    { title: 'defer() in a PUT without a body', path: '/body-iterated', ask: { method: 'PUT' }, body: '0' },
    {
      title: 'defer() in a GET with a body',
      path: '/body-iterated',
      ask: { ...post, method: 'GET', headers: { 'content-length': '200000' } },
      body: '200000',
    },
  ])('$title', async ({ path, ask, status = 200, body = '', tasks = ['task'] }) => {
    const answer = await site.ask(path, ask)
    expect({ status: answer.status, body: String(answer.body) }).toEqual({ status, body })
    const request = { method: ask?.method ?? 'GET', path: path.replace(/\?.*/, ''), status }
    expect(await site.account()).toEqual(account(tasks.map((task) => run(request, task))))
  })

  test('finishRequest() ends the response and resolves when the tasks are done', async () => {
    expect(await site.ask('/finish-request')).toMatchObject({ status: 200, body: Buffer.from('hello'), complete: true })
    const outcomes = run(null, 'outcomes: done')
    expect(await site.account()).toEqual(account([run({ path: '/finish-request' }), outcomes]))
  })

  test('defer() after an await belongs to the request', async () => {
    const visit = site.visit('/awaits')
    await site.told('waiting', visit.mark)
    site.go(visit.mark)
    expect(await visit.answer).toMatchObject({ status: 200, complete: true })
    expect(await site.account()).toEqual(account([run({ path: '/awaits' })]))
  })

  test('a 103 does not count as the response', async () => {
    const visit = site.visit('/hints')
    await visit.heard
    site.go(visit.mark)
    expect(await visit.answer).toMatchObject({ informational: [103], status: 200, body: Buffer.from('hello') })
    expect(await site.account()).toEqual(account([run({ path: '/hints' })]))
  })

  test('a 100 does not count as the response', async () => {
    const answer = await site.ask('/body', { method: 'POST', body: 'hello', headers: { expect: '100-continue' } })
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('5') })
    const request = { method: 'POST', path: '/body' }
    expect(await site.account()).toEqual(account(['handler', 'data', 'end'].map((task) => run(request, task))))
  })

  test('a response that does not wait for the end of the request body runs its tasks', async () => {
    const visit = site.visit('/plain', { method: 'POST', body: 'part of a large file', endless: true })
    expect(await visit.answer).toMatchObject({ status: 200, body: Buffer.from('hello') })
    await site.ran(visit.mark)
    await visit.leave('close')
    expect(await site.account()).toEqual(account([run({ method: 'POST', path: '/plain' })]))
  })

  test('a streamed response is sent with its last byte, not with its first', async () => {
    const visit = site.visit('/stream')
    await visit.heard
    site.go(visit.mark)
    const { body, complete } = await visit.answer
    expect({ size: body.length, complete }).toEqual({
      size: 32 * 64 * 1024 + 'begin '.length + ' end'.length,
      complete: true,
    })
    expect(await site.account()).toEqual(account([run({ path: '/stream' })]))
  })

  test('trailers are sent before the tasks run', async () => {
    expect(await site.ask('/trailers')).toMatchObject({ body: Buffer.from('hello'), trailers: { 'x-sum': '42' } })
    expect(await site.account()).toEqual(account([run({ path: '/trailers' })]))
  })

  test('a write after the end does the same as without Afterword: HTTP/1 ignores it, HTTP/2 breaks the stream off', async () => {
    const delivered = !isHttp2(host)
    expect(await site.ask('/write-after-end')).toMatchObject({
      status: 200,
      body: Buffer.from('once'),
      complete: delivered,
    })
    expect(await site.account()).toEqual(account([run({ path: '/write-after-end', delivered, aborted: !delivered })]))
  })
})
