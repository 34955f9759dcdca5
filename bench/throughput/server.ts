import { createServer, type RequestListener, type Server } from 'node:http'
import { serve } from '../load/server.ts'

const noop = () => {}
const send: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

// Loaded as an application would: before the server is made, and nothing that the variant does not use.
const servers: Record<string, () => Promise<Server>> = {
  bare,
  'bare-again': bare,
  finish: async () =>
    createServer((req, res) => {
      res.on('finish', noop)
      send(req, res)
    }),
  auto: async () => {
    await import('afterword/auto')
    return createServer(send)
  },
  'auto-defer': async () => {
    await import('afterword/auto')
    return createServer(await deferring())
  },
  'attach-defer': async () => {
    const { attach } = await import('afterword/node-http')
    const server = createServer(await deferring())
    attach(server)
    return server
  },
  express: async () => {
    const { default: express } = await import('express')
    const app = express()
    app.get('/', (_req, res) => void res.json({ ok: true }))
    return createServer(app)
  },
  'express-defer': async () => {
    const [{ default: express }, { afterword }, { defer }] = await Promise.all([
      import('express'),
      import('afterword/express'),
      import('afterword'),
    ])
    const app = express()
    app.use(afterword())
    app.get('/', (_req, res) => {
      defer(noop)
      res.json({ ok: true })
    })
    return createServer(app)
  },
}

async function bare(): Promise<Server> {
  return createServer(send)
}

async function deferring(): Promise<RequestListener> {
  const { defer } = await import('afterword')
  return (req, res) => {
    defer(noop)
    send(req, res)
  }
}

await serve(await servers[process.argv[2] ?? '']?.())
