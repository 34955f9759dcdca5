import cluster from 'node:cluster'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { attach } from '../../../src/adapters/node-http.ts'
import { name, settings, tell } from './settings.ts'

// An app of the chaos runs: `/note/17` defers the job `note`; `?dispatch` and `?delay=100` dispatch it; `?late` defers it after the end of
// the response, in the same turn. An answer of 200 promises that the job is kept.

if (cluster.isPrimary && settings.cluster > 0) {
  cluster.on('online', ({ id, process: { pid } }) => tell({ type: 'worker', worker: `${name}.${id}`, pid }))
  cluster.on('message', (_, message: object) => process.send?.(message))
  cluster.on('listening', (_, { port }) => tell({ type: 'listening', port }))
  cluster.on('exit', (worker) => {
    tell({ type: 'left', worker: `${name}.${worker.id}`, code: worker.process.exitCode })
    if (!ending) cluster.fork()
  })
  let ending = false
  process.on('SIGTERM', () => {
    ending = true
    const left = Object.values(cluster.workers ?? {}).map((worker) => {
      worker?.process.kill('SIGTERM')
      return new Promise((resolve) => worker?.once('exit', resolve))
    })
    void Promise.all(left).then(() => process.exit())
  })
  process.on('disconnect', () => process.exit())
  for (let i = 0; i < settings.cluster; i++) cluster.fork()
} else {
  const { jobs, track } = await import('./jobs.ts')

  /** Calls the job of a request's path. An error that is no refusal is told. */
  async function keep(url: string): Promise<void> {
    try {
      await call(url)
    } catch (error) {
      if (!('status' in (error as Error))) tell({ type: 'error', error: String((error as Error).stack) })
      throw error
    }
  }

  function call(url: string): unknown {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const [, kind = '', what = ''] = pathname.split('/')
    if (kind === 'track') return track.defer(what)
    const job = jobs[kind]
    if (job === undefined) throw new Error(`There is no job ${kind}`)
    const delay = searchParams.get('delay')
    const more = searchParams.get('more') ?? ''
    if (delay !== null) return job.with({ delay: Number(delay) }).dispatch(what, more)
    if (searchParams.has('dispatch')) return job.dispatch(what, more)
    job.defer(what, more)
  }

  /** Answers without a framework. */
  async function serve(url: string, res: ServerResponse): Promise<void> {
    try {
      if (url.includes('late')) res.end('kept')
      await keep(url)
    } catch (error) {
      if (!res.headersSent) res.statusCode = (error as { status?: number }).status ?? 500
    }
    if (!res.writableEnded) res.end('kept')
  }

  const listen = (server: NetServer) =>
    server.listen(0, '127.0.0.1', () => tell({ type: 'listening', port: (server.address() as AddressInfo).port }))

  const apps: Readonly<Record<typeof settings.app, () => unknown>> = {
    http() {
      const server = createServer((req, res) => void serve(String(req.url), res))
      attach(server)
      listen(server)
    },
    http2() {
      const server = createHttp2Server((req, res) => void serve(req.url, res as unknown as ServerResponse))
      attach(server)
      listen(server)
    },
    async express() {
      const { default: express } = await import('express')
      const { afterword } = await import('../../../src/adapters/express.ts')
      const app = express()
      app.use(afterword())
      app.use(async (req, res) => {
        if (req.url.includes('late')) return serve(req.url, res)
        await keep(req.url)
        res.send('kept')
      })
      // Nothing on stderr for each refusal.
      app.use((error: { status?: number }, _req: unknown, res: ServerResponse, _next: unknown) => {
        if (res.headersSent) return void res.destroy()
        res.statusCode = error.status ?? 500
        res.end()
      })
      listen(createServer(app))
    },
    async fastify() {
      const { default: Fastify } = await import('fastify')
      const { afterword } = await import('../../../src/adapters/fastify.ts')
      const app = Fastify()
      app.register(afterword)
      app.get('/*', async (request) => {
        await keep(request.url)
        return 'kept'
      })
      await app.ready()
      listen(app.server)
    },
    async koa() {
      const { default: Koa } = await import('koa')
      const { afterword } = await import('../../../src/adapters/koa.ts')
      const app = new Koa()
      app.silent = true
      app.use(afterword())
      app.use(async (ctx) => {
        await keep(ctx.url)
        ctx.body = 'kept'
      })
      listen(createServer(app.callback()))
    },
    async hono() {
      const { createAdaptorServer } = await import('@hono/node-server')
      const { Hono } = await import('hono')
      const { afterword } = await import('../../../src/adapters/hono.ts')
      const app = new Hono()
      app.use(afterword())
      app.onError((error, c) => c.text('refused', ((error as { status?: number }).status ?? 500) as 500))
      app.all('*', async (c) => {
        await keep(c.req.url)
        return c.text('kept')
      })
      listen(createAdaptorServer({ fetch: app.fetch }) as NetServer)
    },
  }
  await apps[settings.app]()
}
