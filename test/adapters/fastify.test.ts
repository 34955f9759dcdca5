import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { afterword } from '../../src/adapters/fastify.ts'
import { currentTask, defer } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'
import { Reports } from '../support/reports.ts'

async function get(app: ReturnType<typeof Fastify>, path: string): Promise<string> {
  if (!app.server.listening) await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text()
}

const pathOfTask = () => currentTask()?.request?.path ?? 'no request'

test('defer() in any hook of Fastify belongs to the request', async () => {
  const ran: string[] = []
  const note = (hook: string) => defer(() => ran.push(`${hook} ${pathOfTask()}`))
  const app = Fastify()
  app.register(afterword)
  app.addHook('onRequest', async () => void note('onRequest'))
  app.addHook('preHandler', async () => void note('preHandler'))
  app.addHook('onSend', async (_request, _reply, payload) => {
    note('onSend')
    return payload
  })
  const responded = Promise.withResolvers<void>()
  app.addHook('onResponse', async () => {
    note('onResponse')
    responded.resolve()
  })
  app.post('/json', async (request) => {
    note('handler')
    return request.body
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const ask = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } }
  expect(await (await fetch(`http://127.0.0.1:${port}/json`, ask)).text()).toBe('{"a":1}')
  await responded.promise
  await flush()
  expect(ran).toEqual(['onRequest', 'preHandler', 'handler', 'onSend', 'onResponse'].map((hook) => `${hook} /json`))
  await app.close()
})

test('register(afterword) opens scopes for the plugin that registers it, and for plugins inside', async () => {
  const ran: string[] = []
  using reports = new Reports()
  const route = async () => void defer(() => ran.push(pathOfTask()))
  const app = Fastify()
  app.get('/outside', route)
  app.register((plugin, _options, done) => {
    plugin.register(afterword)
    plugin.get('/plugin', route)
    plugin.register((inner, _options, done) => {
      inner.get('/inner', route)
      done()
    })
    done()
  })
  for (const path of ['/plugin', '/inner', '/outside']) {
    await get(app, path)
    await flush()
  }
  expect(ran).toEqual(['/plugin', '/inner', 'no request'])
  expect(reports.codes).toEqual([])
  await app.close()
})

test('register(afterword) twice, and in a plugin too, runs each task once', async () => {
  const ran: string[] = []
  const app = Fastify()
  app.register(afterword)
  app.register(afterword)
  app.register((plugin, _options, done) => {
    plugin.register(afterword)
    plugin.get('/once', async () => void defer(() => ran.push(pathOfTask())))
    done()
  })
  await get(app, '/once')
  await flush()
  expect(ran).toEqual(['/once'])
  await app.close()
})

test('inject() waits for no task, flush() does', async () => {
  const ran: unknown[] = []
  const leave = Promise.withResolvers<void>()
  const app = Fastify()
  app.register(afterword)
  app.get('/injected', async () => {
    defer(async () => {
      await leave.promise
      ran.push(currentTask()?.request)
    })
    return 'fine'
  })
  expect((await app.inject('/injected')).body).toBe('fine')
  expect(ran).toEqual([])
  leave.resolve()
  await flush()
  expect(ran).toEqual([{ method: 'GET', path: '/injected', status: 200, delivered: true, aborted: false }])
  await app.close()
})

test('inject() within a request has a scope of its own', async () => {
  const ran: string[] = []
  const app = Fastify()
  app.register(afterword)
  app.get('/inner', async () => void defer(() => ran.push(pathOfTask())))
  app.get('/outer', async () => {
    defer(() => ran.push(pathOfTask()))
    await app.inject('/inner')
    defer(() => ran.push(pathOfTask()))
  })
  await get(app, '/outer')
  await flush()
  expect(ran).toEqual(['/inner', '/outer', '/outer'])
  await app.close()
})
