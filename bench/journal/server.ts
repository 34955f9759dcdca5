import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import { serve } from '../load/server.ts'
import type { Servers } from './contender.ts'
import { type Name, start } from './contenders.ts'
import { payload } from './payload.ts'

const servers = JSON.parse(process.env.BENCH_SERVERS ?? '') as Servers

/** The place in which a job is kept until it has run. */
type Keeps = 'memory' | 'normal' | 'full'

const send: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

// Loaded as an application would: nothing that the variant does not use.
const variants: Record<string, () => Promise<Server>> = {
  bare,
  'bare-again': bare,
  memory: () => deferring('memory'),
  normal: () => deferring('normal'),
  full: () => deferring('full'),
  express: () => express(),
  'express-again': () => express(),
  'express-memory': () => express('memory'),
  'express-normal': () => express('normal'),
  'express-full': () => express('full'),
  'bullmq-everysec': () => enqueuing('bullmq-everysec'),
  'bullmq-always': () => enqueuing('bullmq-always'),
  'pg-boss': () => enqueuing('pg-boss'),
  plainjob: () => enqueuing('plainjob'),
}

async function bare(): Promise<Server> {
  return createServer(send)
}

/** Answers when the job is kept, and runs it then. */
async function deferring(keeps: Keeps): Promise<Server> {
  const [welcome] = await Promise.all([sendWelcome(keeps), import('afterword/auto')])
  return createServer((req, res) => {
    welcome()
    send(req, res)
  })
}

/** Makes the same server with Express, or Express without a job. */
async function express(keeps?: Keeps): Promise<Server> {
  const { default: express } = await import('express')
  const app = express()
  let welcome = () => {}
  if (keeps !== undefined) {
    const { afterword } = await import('afterword/express')
    app.use(afterword())
    welcome = await sendWelcome(keeps)
  }
  app.get('/', (_req, res) => {
    welcome()
    res.json({ ok: true })
  })
  return createServer(app)
}

async function sendWelcome(keeps: Keeps): Promise<() => void> {
  const { configure, job } = await import('afterword')
  const sync = keeps === 'memory' ? undefined : keeps
  if (sync !== undefined) configure({ journal: { path: join(servers.folder, `server-${process.pid}`), sync } })
  const SendWelcome = job('send-welcome', (_mail: unknown) => {})
  return () => void SendWelcome.defer(payload())
}

/** Answers when the job is in the queue, and leaves it there. */
async function enqueuing(name: Name): Promise<Server> {
  const work = await start(name, 'accept', servers)
  if (work === undefined || 'drain' in work) throw new Error(`${name} can not accept`)
  return createServer((req, res) => void work.call().then(() => send(req, res)))
}

await serve(await variants[process.argv[2] ?? '']?.())
