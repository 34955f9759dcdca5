import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
// @ts-expect-error: the types are those of Express 5
import express4 from 'express-4'
import Fastify from 'fastify'
import { H3, serve as serveH3 } from 'h3'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterEach, expect, test } from 'vitest'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { Afterword } from '../../src/index.ts'
import { type Handler, liveness, readiness } from '../../src/observe/health.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Listening {
  address(): unknown
  close(): unknown
}

/** The port of a server, which is closed after the test. */
function portOf(server: Listening & { closeAllConnections?(): void }): number {
  closing.push(() => {
    server.closeAllConnections?.()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return portOf(server)
}

/** The frameworks, each with a probe in its own idiom. Resolves with the port. */
const frameworks: Readonly<Record<string, (path: string, probe: Handler) => Promise<number>>> = {
  'node:http': (_path, probe) => listen(probe),
  'Express 5': (path, probe) => listen(express().get(path, probe)),
  'Express 5, app.use': (path, probe) => listen(express().use(path, probe)),
  'Express 4': (path, probe) => listen(express4().get(path, probe)),
  async Fastify(path, probe) {
    const app = Fastify()
    app.get(path, probe)
    await app.listen({ port: 0, host: '127.0.0.1' })
    closing.push(() => app.close())
    return (app.server.address() as AddressInfo).port
  },
  async Hono(path, probe) {
    const app = new Hono()
    app.get(path, probe)
    return new Promise((resolve) => {
      const server = serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(portOf(server)))
    })
  },
  Koa: (path, probe) => {
    const app = new Koa()
    app.use((ctx, next) => (ctx.path === path ? probe(ctx) : next()))
    return listen(app.callback())
  },
  async h3(path, probe) {
    const app = new H3()
    app.get(path, probe)
    const server = serveH3(app, { port: 0, hostname: '127.0.0.1', silent: true, gracefulShutdown: false })
    await server.ready()
    closing.push(() => server.close(true))
    return Number(new URL(server.url as string).port)
  },
}

test.each(Object.entries(frameworks))('liveness() and readiness() of %s answer probes', async (_, start) => {
  await using afterword = new Afterword()
  const live = await start('/livez', liveness())
  const ready = await start('/readyz', readiness({}, afterword))
  const response = await fetch(`http://127.0.0.1:${live}/livez`)
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(await response.json()).toMatchObject({ live: true, pid: process.pid })
  const head = await fetch(`http://127.0.0.1:${live}/livez`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([200, ''])
  const answer = await fetch(`http://127.0.0.1:${ready}/readyz?verbose`)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toMatchObject({ ready: true, ending: false, journalOpen: true, oldestAge: 0, backlog: 0 })
})

test('liveness() is a fetch handler as it is, and takes HTTP/2', async () => {
  const live = liveness()
  expect((await live(new Request('http://localhost/livez'))).status).toBe(200)
  expect((await live(new Request('http://localhost/livez', { method: 'POST' }))).status).toBe(405)
  const server = createHttp2Server(live)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = connectHttp2(`http://127.0.0.1:${portOf(server)}`)
  closing.unshift(() => client.close())
  const stream = client.request({ ':path': '/livez' }).setEncoding('utf8')
  let text = ''
  for await (const chunk of stream) text += chunk
  expect(JSON.parse(text)).toMatchObject({ live: true })
})

/** The status of an answer, and the properties of its body. */
async function ask(ready: Handler): Promise<Record<string, unknown>> {
  const response = await ready(new Request('http://localhost/readyz'))
  return { status: response.status, ...((await response.json()) as object) }
}

test('readiness() is 503 from the begin of the end of the instance on', async () => {
  const afterword = new Afterword()
  const ready = readiness({}, afterword)
  const turns = new Turns()
  afterword.defer(() => turns.take('task'))
  await turns.taken('task')
  expect(await ask(ready)).toMatchObject({ status: 200, ready: true, running: 1 })
  const closed = afterword.close()
  expect(await ask(ready)).toMatchObject({ status: 503, ready: false, ending: true })
  turns.end('task')
  await closed
  expect(await ask(ready)).toMatchObject({ status: 503, ending: true })
})

test('readiness() is 503 while the folder of the journal is not open', async () => {
  using _reports = new Reports()
  const folder = mkdtempSync(join(tmpdir(), 'afterword-health-'))
  closing.push(() => rmSync(folder, { recursive: true }))
  // A file is no folder.
  writeFileSync(join(folder, 'file'), '')
  await using none = new Afterword({ journal: { path: join(folder, 'file'), required: false }, signals: false })
  expect(await ask(readiness({}, none))).toMatchObject({ status: 503, ready: false, journalOpen: false })
  await using some = new Afterword({ journal: join(folder, 'journal'), signals: false })
  expect(await ask(readiness({}, some))).toMatchObject({ status: 200, ready: true, journalOpen: true })
})

test('readiness({ maxOldestAge }) is 503 while a task has been due for longer', async () => {
  await using afterword = new Afterword({ concurrency: 1 })
  const [strict, lenient] = [
    readiness({ maxOldestAge: 0 }, afterword),
    readiness({ maxOldestAge: 3_600_000 }, afterword),
  ]
  const turns = new Turns()
  afterword.defer(() => turns.take('first'))
  await turns.taken('first')
  const second = afterword.defer(() => {})
  await expect.poll(() => ask(strict)).toMatchObject({ status: 503, ready: false, backlog: 1 })
  expect(await ask(lenient)).toMatchObject({ status: 200, ready: true })
  turns.end('first')
  await second.outcome
  expect(await ask(strict)).toMatchObject({ status: 200, backlog: 0 })
})

test('readiness({ engine: false }) is 200 while the engine is away', async () => {
  using _reports = new Reports()
  await using afterword = new Afterword({
    engine: pgBoss({ connectionString: 'postgres://127.0.0.1:1/none' }),
    signals: false,
  })
  expect(await ask(readiness({}, afterword))).toMatchObject({ status: 503, engineReached: false })
  expect(await ask(readiness({ engine: false }, afterword))).toMatchObject({ status: 200, engineReached: false })
})

test('readiness() refuses an option that it does not have', () => {
  expect(() => readiness({ maxoldestage: 1 } as never)).toThrow('Did you mean "maxOldestAge"?')
})
