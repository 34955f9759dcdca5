import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { PassThrough, Readable } from 'node:stream'
import type { AbstractHttpAdapter } from '@nestjs/core'
import type { ErrorRequestHandler } from 'express'
import { attach, type NodeServer } from '../../../src/adapters/node-http.ts'
import { configure, job } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { serve } from '../../support/stage.ts'

// A server with a journal, on a disk with room for small records only. Arguments: the protocol, the framework, what opens the
// scopes, and the folder of the journal, or a database that refuses large records at the call.
const [protocol, framework = '', entry, folder = ''] = process.argv.slice(2)
if (folder.endsWith('.db')) {
  const database = new DatabaseSync(folder)
  configure({ journal: { database } })
  database.exec(`CREATE TRIGGER full BEFORE INSERT ON afterword_records WHEN length(NEW.args) > 1000
    BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
} else configure({ journal: folder })
const Keep = job('keep', (_text: string) => {})
const usesAdapter = entry === 'adapter'
if (entry === 'auto') await import('../../../src/adapters/auto.ts')

const little = 'little'
const much = 'much'.repeat(60_000)
const bodies: Record<string, () => string | Readable> = {
  '/kept': () => 'kept',
  '/whole': () => 'kept',
  '/empty': () => '',
  '/pieces': () => Readable.from(['ke', 'pt'], { objectMode: false }),
  '/length': () => Readable.from(['ke', 'pt'], { objectMode: false }),
  '/amid': () => {
    const body = new PassThrough()
    body.write('ke')
    // The promise is awaited in the scope of the request; a listener of the process would be in none.
    void new Promise((resolve) => process.once('message', resolve)).then(() => {
      Keep.defer(much)
      body.end('pt')
    })
    return body
  },
}

/** Defers a job, and tells what to answer: at once or in pieces, which may say how many bytes they are. */
function play(url = ''): {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string | Readable
} {
  const path = url.replace('/own', '')
  Keep.defer(path === '/kept' || path === '/amid' ? little : much)
  return {
    status: path === '/empty' ? 204 : 200,
    headers: { 'x-done': 'yes', ...(path === '/length' && { 'content-length': '4' }) },
    body: bodies[path]?.() ?? 'nothing here',
  }
}

function respond(path: string): Response {
  const { status, headers, body } = play(path)
  const whole = body === '' ? null : body
  return new Response(whole instanceof Readable ? (Readable.toWeb(whole) as ReadableStream) : whole, {
    status,
    headers,
  })
}

/** As a handler of Node's own does, and of Express and Nest when it sends a stream. */
function send(res: ServerResponse, body: string | Readable): void {
  if (typeof body === 'string') res.end(body)
  else body.pipe(res)
}

const listeners: Record<string, () => Promise<RequestListener>> = {
  node: async () => (req, res) => {
    const { status, headers, body } = play(req.url)
    res.statusCode = status
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    send(res, body)
  },
  'node, writeHead': async () => (req, res) => {
    const { status, headers, body } = play(req.url)
    res.writeHead(status, headers)
    send(res, body)
  },
  async express() {
    const { default: express } = await import('express')
    const app = express()
    if (usesAdapter) app.use((await import('../../../src/adapters/express.ts')).afterword())
    app.use((req, res) => {
      const { status, headers, body } = play(req.path)
      res.status(status).set(headers)
      if (typeof body === 'string') res.send(body)
      else body.pipe(res)
    })
    const answerOwn: ErrorRequestHandler = (error, req, res, next) => {
      if (req.path.startsWith('/own')) res.status(507).send({ sorry: error.code })
      else next(error)
    }
    return app.use(answerOwn)
  },
  async connect() {
    const { default: connect } = await import('connect')
    const app = connect()
    if (usesAdapter) app.use((await import('../../../src/adapters/express.ts')).afterword())
    app.use((req, res) => {
      const { status, headers, body } = play(req.url)
      res.statusCode = status
      for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
      send(res, body)
    })
    app.use((error: { code?: string }, req: IncomingMessage, res: ServerResponse, next: (error: unknown) => void) => {
      if (!req.url?.startsWith('/own')) return next(error)
      res.statusCode = 507
      res.end(JSON.stringify({ sorry: error.code }))
    })
    return app
  },
  async koa() {
    const { default: Koa } = await import('koa')
    const app = new Koa()
    app.silent = true
    if (usesAdapter) app.use((await import('../../../src/adapters/koa.ts')).afterword())
    app.use((ctx) => {
      const { status, headers, body } = play(ctx.path)
      ctx.body = body
      ctx.status = status
      ctx.set(headers)
    })
    return app.callback()
  },
  async hono() {
    const [{ Hono }, { getRequestListener }] = await Promise.all([import('hono'), import('@hono/node-server')])
    const app = new Hono()
    if (usesAdapter) app.use((await import('../../../src/adapters/hono.ts')).afterword())
    app.all('*', (c) => respond(c.req.path))
    app.onError((error, c) => {
      const { code, getResponse } = error as Error & { code?: string; getResponse?(): Response }
      if (c.req.path.startsWith('/own')) return c.json({ sorry: code }, 507)
      return getResponse?.() ?? c.text('error', 500)
    })
    return getRequestListener(app.fetch) as RequestListener
  },
  async h3() {
    const { H3, toNodeHandler } = await import('h3')
    const app = new H3({
      silent: true,
      onError: (error, event) => {
        const { code } = error.cause as { code?: string }
        if (event.url.pathname.startsWith('/own')) return Response.json({ sorry: code }, { status: 507 })
      },
    })
    if (usesAdapter) app.use((await import('../../../src/adapters/h3.ts')).afterword())
    app.all('/**', (event) => respond(event.url.pathname))
    return toNodeHandler(app) as RequestListener
  },
}

const servers: Record<string, () => Promise<NodeServer>> = {
  'node, core API': async () => {
    return createServer(protocol).on('stream', (stream, headers) => {
      const { status, body } = play(headers[':path'])
      // Node has an error for who ends the stream of a HEAD, or of a 204, which has ended.
      stream.on('error', () => {})
      stream.respond({ ':status': status, 'x-done': 'yes' })
      if (typeof body === 'string') stream.end(body)
      else body.pipe(stream)
    })
  },
  async fastify() {
    const { default: Fastify } = await import('fastify')
    const app = Fastify({ serverFactory: (listener) => createServer(protocol, listener) as never })
    if (usesAdapter) app.register((await import('../../../src/adapters/fastify.ts')).afterword)
    app.addHook('onRequest', async (_request, reply) => void reply.header('access-control-allow-origin', '*'))
    app.all('/*', async (request, reply) => {
      const { status, headers, body } = play(request.url)
      return reply.status(status).headers(headers).send(body)
    })
    app.register((plugin, _options, done) => {
      plugin.setErrorHandler<Error & { code?: string }>((error, _request, reply) => {
        return reply.status(507).send({ sorry: error.code })
      })
      plugin.all('/own/*', async (request) => play(request.url).body)
      done()
    })
    await app.ready()
    return app.server
  },
  'nest on express': async () => nest(new (await import('@nestjs/platform-express')).ExpressAdapter()),
  'nest on fastify': async () => nest(new (await import('@nestjs/platform-fastify')).FastifyAdapter()),
}

async function nest(adapter: AbstractHttpAdapter): Promise<NodeServer> {
  await import('reflect-metadata')
  const { All, Controller, Module, Req, Res } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')
  const isFastify = adapter.getType() === 'fastify'
  interface Reply {
    status(code: number): unknown
    header(name: string, value: string): unknown
    send(body: unknown): unknown
    readonly raw?: ServerResponse
  }
  class App {
    play({ url }: IncomingMessage, reply: Reply): void {
      const { status, headers, body } = play(url)
      reply.status(status)
      for (const [name, value] of Object.entries(headers)) reply.header(name, value)
      if (reply.raw !== undefined || typeof body === 'string') reply.send(body)
      else body.pipe(reply as unknown as ServerResponse)
    }
  }
  // What the decorators of a Nest project do: this file is run as it is.
  const method = Object.getOwnPropertyDescriptor(App.prototype, 'play') as PropertyDescriptor
  All(isFastify ? '*' : '{*path}')(App.prototype, 'play', method)
  Req()(App.prototype, 'play', 0)
  Res()(App.prototype, 'play', 1)
  Controller()(App)
  class Root {}
  const imports = usesAdapter ? [(await import('../../../src/adapters/nest.ts')).AfterwordModule.forRoot()] : []
  Module({ imports, controllers: [App] })(Root)
  const app = await NestFactory.create(Root, adapter, { logger: false })
  await app.init()
  if (isFastify) await adapter.getInstance().ready()
  return app.getHttpServer()
}

const listener = await listeners[framework]?.()
const server = listener === undefined ? await servers[framework]?.() : createServer(protocol, listener)
if (server === undefined) throw new Error(`Unknown framework "${framework}"`)
if (entry === 'attach') attach(server)
serve(server)
