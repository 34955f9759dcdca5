import type { IncomingMessage, ServerResponse } from 'node:http'
import '../../../src/adapters/auto.ts'
import { createServer } from '../../support/servers.ts'
import { note, serve, witness } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers that throw, on a server that survives it. Argument: the protocol.
const handlers: Handlers = {
  '/plain': (_req, res) => res.end('hello'),
  '/throws': () => {
    throw new Error('broken')
  },
  '/throws-after-await': async () => {
    await null
    throw new Error('broken')
  },
  '/throws-in-timer': () => {
    setTimeout(() => {
      throw new Error('broken')
    }, 1)
  },
  '/throws-amid': async (_req, res) => {
    await new Promise<void>((resolve) => res.write('half', () => resolve()))
    throw new Error('broken')
  },
  '/throws-at-last': (_req, res) => {
    res.end('hello')
    throw new Error('broken')
  },
  '/throws-in-listeners': (req, res) => {
    const fail = () => {
      throw new Error('broken')
    }
    res.on('finish', fail)
    res.on('close', fail)
    witness(req)
    res.end('hello')
  },
}

let last: ServerResponse
process.on('uncaughtException', (error) => {
  note(`uncaught: ${error.message}`)
  if (!last.headersSent) last.writeHead(500).end('sorry')
  else if (!last.writableEnded) last.destroy()
})

serve(
  createServer(process.argv[2], (req: IncomingMessage, res: ServerResponse) => {
    last = res
    if (req.url !== '/throws-in-listeners') witness(req)
    return handlers[req.url ?? '']?.(req, res)
  }),
)
