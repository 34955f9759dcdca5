import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import { finished } from 'node:stream'
import { go, markOf, tell, witness } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

/** Resolves when this process knows that the client has gone. */
function disconnected(req: IncomingMessage & { stream?: ServerHttp2Stream }): Promise<unknown> {
  return new Promise((resolve) => (req.stream ?? req.socket).on('close', resolve))
}

const megabyte = 'x'.repeat(1024 * 1024)

/** Handlers whose client leaves, or that break off by themselves. */
export const disconnects: Handlers = {
  '/silent': (req) => {
    witness(req)
    tell('waiting', markOf(req))
  },
  '/ends-too-late': async (req, res) => {
    witness(req)
    tell('waiting', markOf(req))
    await disconnected(req)
    res.setHeader('content-type', 'text/plain')
    res.write('nobody ')
    res.end('is there')
  },
  '/defers-too-late': async (req) => {
    tell('waiting', markOf(req))
    await disconnected(req)
    witness(req)
  },
  '/ends-and-defers-too-late': async (req, res) => {
    tell('waiting', markOf(req))
    await disconnected(req)
    res.end('nobody is there')
    await new Promise(setImmediate)
    witness(req)
  },
  '/defers-on-close': (req, res) => {
    tell('waiting', markOf(req))
    res.on('close', () => witness(req))
  },
  '/half': (req, res) => {
    witness(req)
    res.write('half')
  },
  '/events': (req, res) => {
    witness(req)
    res.setHeader('content-type', 'text/event-stream')
    const timer = setInterval(() => res.write('data: tick\n\n'), 1)
    finished(res, () => clearInterval(timer))
  },
  '/ended': (req, res) => {
    witness(req)
    // More than the buffers of both sides hold.
    res.end(megabyte.repeat(32))
    tell('ended', markOf(req))
  },
  '/destroys': (req, res) => {
    witness(req)
    res.destroy()
  },
  '/destroys-half': async (req, res) => {
    const mark = markOf(req)
    witness(req)
    res.write('half')
    await go(mark)
    res.destroy()
  },
  '/destroys-with-error': (req, res) => {
    res.on('error', () => {})
    witness(req)
    res.destroy(new Error('given up'))
  },
}
