import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { afterword } from '../../src/adapters/hono.ts'
import { currentTask, defer, instance } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'
import { Reports } from '../support/reports.ts'

const pathOfTask = () => currentTask()?.request?.path

async function serve(app: Hono) {
  const server = createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    get: async (path: string) => (await fetch(url + path)).text(),
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

test('c.executionCtx.waitUntil() on node-server is drained and reported', async () => {
  using reports = new Reports()
  const app = new Hono()
  app.use(afterword())
  const work = Promise.withResolvers<void>()
  app.get('/', (c) => {
    c.executionCtx.waitUntil(work.promise)
    return c.text('fine')
  })
  await using site = await serve(app)
  expect(await site.get('/')).toBe('fine')
  expect(instance().status().running).toBe(1)
  work.reject(new Error('fails'))
  await flush()
  expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
})

test('afterword() in mounted and routed sub-apps runs each task once', async () => {
  const ran: unknown[] = []
  const routed = new Hono().use(afterword()).get('/', (c) => {
    defer(() => ran.push(['routed', pathOfTask()]))
    return c.text('routed')
  })
  const mounted = new Hono().use(afterword()).get('/page', (c) => {
    defer(() => ran.push(['mounted', pathOfTask()]))
    return c.text('mounted')
  })
  const app = new Hono().use(afterword()).route('/routed', routed).mount('/mounted', mounted.fetch)
  await using site = await serve(app)
  expect(await site.get('/routed')).toBe('routed')
  expect(await site.get('/mounted/page')).toBe('mounted')
  await flush()
  expect(ran).toEqual([
    ['routed', '/routed'],
    ['mounted', '/mounted/page'],
  ])
})

test('app.request() within a request belongs to the outer response', async () => {
  const ran: unknown[] = []
  const app = new Hono()
  app.use(afterword())
  app.get('/inner', (c) => {
    defer(() => ran.push(['inner', pathOfTask()]))
    return c.text('inner')
  })
  app.get('/outer', async (c) => {
    const inner = await app.request('/inner')
    ran.push('inner answered')
    return c.text(await inner.text())
  })
  await using site = await serve(app)
  expect(await site.get('/outer')).toBe('inner')
  await flush()
  expect(ran).toEqual(['inner answered', ['inner', '/outer']])
})

test('app.request() in a test resolves when the tasks have run', async () => {
  const ran: unknown[] = []
  const app = new Hono()
  app.use(afterword())
  app.get('/page', (c) => {
    c.header('set-cookie', 'a=1')
    defer(() => ran.push(pathOfTask()))
    return c.text('fine', 201)
  })
  const response = await app.request('/page')
  expect([response.status, response.headers.getSetCookie(), ran]).toEqual([201, ['a=1'], ['/page']])
})
