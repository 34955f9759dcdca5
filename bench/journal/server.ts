import { createServer, type RequestListener, type Server } from 'node:http'
import { join } from 'node:path'
import { serve } from '../load/server.ts'
import type { Ground } from './contender.ts'
import { enter, type Name } from './contenders.ts'
import { mail } from './payload.ts'

const ground = JSON.parse(process.env.BENCH_GROUND ?? '') as Ground

const send: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

// Loaded as an application would: nothing that the variant does not use.
const servers: Record<string, () => Promise<Server>> = {
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
  if (sync !== undefined) configure({ journal: { path: join(ground.folder, `server-${process.pid}`), sync } })
  const SendWelcome = job('send-welcome', (_mail: unknown) => {})
  return createServer((req, res) => {
    SendWelcome.defer(mail())
    send(req, res)
  })
}

/** Answers when the job is in the queue, and leaves it there. */
async function enqueuing(name: Name): Promise<Server> {
  const work = await enter(name, 'accept', ground)
  if (work === undefined || 'drain' in work) throw new Error(`${name} can not accept`)
  return createServer((req, res) => void work.call().then(() => send(req, res)))
}

await serve(await servers[process.argv[2] ?? '']?.())
