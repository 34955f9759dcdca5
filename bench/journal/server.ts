import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import { serve } from '../load/server.ts'
import type { Servers } from './contender.ts'
import { type Name, start } from './contenders.ts'
import { payload } from './payload.ts'

const servers = JSON.parse(process.env.BENCH_SERVERS ?? '') as Servers

const send: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

// Loaded as an application would: nothing that the variant does not use.
const variants: Record<string, () => Promise<Server>> = {
  bare: async () => createServer(send),
  memory: () => deferring(),
  normal: () => deferring('normal'),
  full: () => deferring('full'),
  'bullmq-everysec': () => enqueuing('bullmq-everysec'),
  'bullmq-always': () => enqueuing('bullmq-always'),
  'pg-boss': () => enqueuing('pg-boss'),
  plainjob: () => enqueuing('plainjob'),
}

/** Answers when the job is kept, and runs it then. */
async function deferring(sync?: 'normal' | 'full'): Promise<Server> {
  const [{ configure, job }] = await Promise.all([import('afterword'), import('afterword/auto')])
  if (sync !== undefined) configure({ journal: { path: join(servers.folder, `server-${process.pid}`), sync } })
  const SendWelcome = job('send-welcome', (_mail: unknown) => {})
  return createServer((req, res) => {
    SendWelcome.defer(payload())
    send(req, res)
  })
}

/** Answers when the job is in the queue, and leaves it there. */
async function enqueuing(name: Name): Promise<Server> {
  const work = await start(name, 'accept', servers)
  if (work === undefined || 'drain' in work) throw new Error(`${name} can not accept`)
  return createServer((req, res) => void work.call().then(() => send(req, res)))
}

await serve(await variants[process.argv[2] ?? '']?.())
