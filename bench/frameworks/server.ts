import { createServer, type Server } from 'node:http'
import { serve } from '../load/server.ts'

const noop = () => {}
const [framework = '', way = 'alone'] = (process.argv[2] ?? '').split('-')

// Loaded as an application would: nothing that the variant does not use.
const servers: Record<string, () => Promise<Server>> = {
  express: async () => {
    const { default: express } = await import('express')
    const app = express()
    if (way === 'defer') app.use((await import('afterword/express')).afterword())
    const after = await afterResponse()
    app.get('/', (_req, res) => {
      if (way === 'hook') res.on('finish', noop)
      after()
      res.json({ ok: true })
    })
    return createServer(app)
  },
  koa: async () => {
    const { default: Koa } = await import('koa')
    const app = new Koa()
    if (way === 'defer') app.use((await import('afterword/koa')).afterword())
    const after = await afterResponse()
    app.use(async (ctx) => {
      if (way === 'hook') ctx.res.on('finish', noop)
      after()
      ctx.body = { ok: true }
    })
    return createServer(app.callback())
  },
  fastify: async () => {
    const { default: Fastify } = await import('fastify')
    const app = Fastify()
    if (way === 'hook') app.addHook('onResponse', async () => {})
    if (way === 'defer') app.register((await import('afterword/fastify')).afterword)
    const after = await afterResponse()
    app.get('/', async () => {
      after()
      return { ok: true }
    })
    await app.ready()
    return app.server
  },
  hono: async () => {
    const [{ Hono }, { createAdaptorServer }] = await Promise.all([import('hono'), import('@hono/node-server')])
    const app = new Hono<{ Bindings: import('@hono/node-server').HttpBindings }>()
    if (way === 'defer') app.use((await import('afterword/hono')).afterword())
    if (way === 'hook') {
      app.use((c, next) => {
        c.env.outgoing.on('finish', noop)
        return next()
      })
    }
    const after = await afterResponse()
    app.get('/', (c) => {
      after()
      return c.json({ ok: true })
    })
    return createAdaptorServer({ fetch: app.fetch }) as Server
  },
  h3: async () => {
    const { H3, toNodeHandler } = await import('h3')
    const app = new H3(way === 'hook' ? { onResponse: noop } : {})
    if (way === 'defer') app.use((await import('afterword/h3')).afterword())
    const after = await afterResponse()
    app.get('/', () => {
      after()
      return { ok: true }
    })
    return createServer(toNodeHandler(app))
  },
  next: async () => {
    process.env.AFTERWORD = way === 'caught' || way === 'defer' ? 'yes' : 'no'
    const { default: exported } = await import('next')
    // The function itself, whatever its types say of an import in an ES module.
    const next = exported as unknown as typeof exported.default
    const app = next({ dir: String(process.env.NEXT_APP), dev: false })
    await app.prepare()
    const handle = app.getRequestHandler()
    return createServer((req, res) => void handle(req, res))
  },
}

async function afterResponse(): Promise<() => void> {
  if (way !== 'defer') return noop
  const { defer } = await import('afterword')
  return () => void defer(noop)
}

await serve(await servers[framework]?.())
