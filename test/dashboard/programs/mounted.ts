// An app in one framework, which has the dashboard at /afterword and defers a task at /signup. Argument: the framework.
import 'reflect-metadata'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dashboard } from '../../../src/dashboard/dashboard.ts'
import { defer } from '../../../src/index.ts'

const handler = dashboard()
const welcome = () => defer(function welcome() {})

const { Bun, Deno } = globalThis as {
  Bun?: { serve(options: object): { port: number } }
  Deno?: { serve(options: object, fetch: (...args: unknown[]) => unknown): { addr: { port: number } } }
}
type Fetch = (request: Request, ...hosts: never[]) => unknown

function serveFetch(fetch: Fetch): number {
  if (Bun !== undefined) return Bun.serve({ port: 0, hostname: '127.0.0.1', fetch }).port
  const options = { port: 0, hostname: '127.0.0.1', onListen() {} }
  if (Deno !== undefined) return Deno.serve(options, fetch as never).addr.port
  throw new Error('Node has no server of fetch handlers')
}

async function portOf(server: {
  address(): unknown
  once(event: 'listening', fn: () => void): unknown
  listening: boolean
}) {
  if (!server.listening) await new Promise<void>((resolve) => server.once('listening', resolve))
  return (server.address() as AddressInfo).port
}

async function express(name: string): Promise<number> {
  const { default: make } = await import(name)
  const { afterword } = await import('../../../src/adapters/express.ts')
  const app = make()
  app.use(afterword())
  app.use(make.json())
  app.use('/afterword', handler)
  app.post('/signup', (_req: IncomingMessage, res: ServerResponse) => {
    welcome()
    res.end('welcome')
  })
  return portOf(app.listen(0, '127.0.0.1'))
}

const apps: Readonly<Record<string, () => Promise<number>>> = {
  express: () => express('express'),
  'express-4': () => express('express-4'),

  async 'node:http'() {
    const { attach } = await import('../../../src/adapters/node-http.ts')
    const server = createServer((req, res) => {
      if (req.url?.startsWith('/afterword')) return void handler(req, res)
      welcome()
      res.end('welcome')
    })
    attach(server)
    return portOf(server.listen(0, '127.0.0.1'))
  },

  async koa() {
    const { default: Koa } = await import('koa')
    const { afterword } = await import('../../../src/adapters/koa.ts')
    const app = new Koa()
    app.use(afterword())
    app.use((ctx, next) => (ctx.path.startsWith('/afterword') ? handler(ctx, next) : next()))
    app.use((ctx) => {
      welcome()
      ctx.body = 'welcome'
    })
    return portOf(app.listen(0, '127.0.0.1'))
  },

  async fastify() {
    const { default: fastify } = await import('fastify')
    const { afterword } = await import('../../../src/adapters/fastify.ts')
    const app = fastify()
    await app.register(afterword)
    app.all('/afterword', handler)
    app.all('/afterword/*', handler)
    app.post('/signup', async () => {
      welcome()
      return 'welcome'
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return portOf(app.server)
  },

  async 'fastify, with a prefix'() {
    const { default: fastify } = await import('fastify')
    const { afterword } = await import('../../../src/adapters/fastify.ts')
    const app = fastify()
    await app.register(afterword)
    await app.register(handler, { prefix: '/afterword' })
    app.post('/signup', async () => {
      welcome()
      return 'welcome'
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return portOf(app.server)
  },

  async hono() {
    const { Hono } = await import('hono')
    const { afterword } = await import('../../../src/adapters/hono.ts')
    const app = new Hono()
    app.use(afterword())
    app.all('/afterword/*', handler)
    app.post('/signup', (c) => {
      welcome()
      return c.text('welcome')
    })
    if (Bun !== undefined || Deno !== undefined) return serveFetch(app.fetch as Fetch)
    const { createAdaptorServer } = await import('@hono/node-server')
    return portOf(createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1') as never)
  },

  async h3() {
    const { H3, serve } = await import('h3')
    const { afterword } = await import('../../../src/adapters/h3.ts')
    const app = new H3()
    app.use(afterword())
    app.all('/afterword', handler)
    app.all('/afterword/**', handler)
    app.post('/signup', () => {
      welcome()
      return 'welcome'
    })
    const server = serve(app, { port: 0, hostname: '127.0.0.1', silent: true })
    await server.ready()
    return Number(new URL(String(server.url)).port)
  },

  async 'nest on express'() {
    const { ExpressAdapter } = await import('@nestjs/platform-express')
    return nest(new ExpressAdapter())
  },

  async 'nest on fastify'() {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify')
    return nest(new FastifyAdapter())
  },

  async fetch() {
    const { withAfterword } = await import('../../../src/adapters/fetch.ts')
    const app = withAfterword((request: Request, ...hosts: unknown[]) => {
      if (new URL(request.url).pathname.startsWith('/afterword')) return handler(request, ...hosts)
      welcome()
      return new Response('welcome')
    })
    return serveFetch(app as Fetch)
  },
}

async function nest(adapter: object): Promise<number> {
  const { Controller, Module, Post } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')
  const { AfterwordModule } = await import('../../../src/adapters/nest.ts')
  class Signups {
    signup(): string {
      welcome()
      return 'welcome'
    }
  }
  // What the decorators of a Nest project do: this file is run as it is.
  Post('signup')(Signups.prototype, 'signup', Object.getOwnPropertyDescriptor(Signups.prototype, 'signup') as never)
  Controller()(Signups)
  class App {}
  Module({ imports: [AfterwordModule.forRoot()], controllers: [Signups] })(App)
  const app = await NestFactory.create(App, adapter as never, { logger: false })
  app.use('/afterword', handler)
  await app.listen(0, '127.0.0.1')
  return Number(new URL(await app.getUrl()).port)
}

const port = await apps[process.argv[2] ?? '']?.()
console.log(`listening ${port}`)
