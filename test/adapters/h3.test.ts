import { connect } from 'node:http2'
import { H3, serve } from 'h3'
import { expect, test } from 'vitest'
import { afterword } from '../../src/adapters/h3.ts'
import { currentTask, defer, instance } from '../../src/index.ts'
import { flush } from '../../src/testing/index.ts'
import { cert, key } from '../support/certificate.ts'
import { Reports } from '../support/reports.ts'

const pathOfTask = () => currentTask()?.request?.path

async function listen(app: H3) {
  const server = serve(app, { port: 0, hostname: '127.0.0.1', silent: true })
  await server.ready()
  return {
    get: async (path: string) => (await fetch(new URL(path, server.url))).text(),
    async [Symbol.asyncDispose]() {
      await server.close()
    },
  }
}

test('event.waitUntil() counts in status(), drain() and the reports', async () => {
  using reports = new Reports()
  const app = new H3()
  app.use(afterword())
  const work = Promise.withResolvers<void>()
  app.get('/', (event) => {
    event.waitUntil(work.promise)
    return 'fine'
  })
  await using site = await listen(app)
  expect(await site.get('/')).toBe('fine')
  expect(instance().status().running).toBe(1)
  work.reject(new Error('fails'))
  await flush()
  expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
})

test('afterword() in a mounted app, and a fetch within the app, run each task once', async () => {
  const ran: unknown[] = []
  const mounted = new H3()
  mounted.use(afterword())
  mounted.get('/page', () => {
    defer(() => ran.push(['mounted', pathOfTask()]))
    return 'mounted'
  })
  const app = new H3()
  app.use(afterword())
  app.mount('/app', mounted)
  app.get('/outer', async () => {
    const inner = await app.fetch(new Request('http://localhost/app/page'))
    return inner.text()
  })
  await using site = await listen(app)
  expect(await site.get('/app/page')).toBe('mounted')
  expect(await site.get('/outer')).toBe('mounted')
  await flush()
  expect(ran).toEqual([
    ['mounted', '/app/page'],
    ['mounted', '/outer'],
  ])
})

test('app.request() without a server resolves when the tasks have run', async () => {
  const ran: unknown[] = []
  const app = new H3()
  app.use(afterword())
  app.get('/page', (event) => {
    event.res.headers.append('set-cookie', 'a=1')
    event.res.status = 201
    defer(() => ran.push(currentTask()?.request?.status))
    return 'fine'
  })
  const response = await app.request('/page')
  expect([response.status, response.headers.getSetCookie(), ran]).toEqual([201, ['a=1'], [201]])
})

test('close() of an HTTP/2 server waits for the tasks', async () => {
  const ran: string[] = []
  const app = new H3()
  app.use(afterword())
  const work = Promise.withResolvers<void>()
  app.get('/', () => {
    defer(async () => {
      await work.promise
      ran.push('task')
    })
    return 'fine'
  })
  const server = serve(app, { port: 0, hostname: '127.0.0.1', silent: true, tls: { cert, key } })
  await server.ready()
  const session = connect(String(server.url), { rejectUnauthorized: false })
  expect((await session.request({ ':path': '/' }).setEncoding('utf8').toArray()).join('')).toBe('fine')
  session.close()
  const closed = server.close().then(() => ran.push('closed'))
  setTimeout(work.resolve, 200)
  await closed
  expect(ran).toEqual(['task', 'closed'])
})
