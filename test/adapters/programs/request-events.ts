import { AsyncLocalStorage } from 'node:async_hooks'
import { defer } from '../../../src/index.ts'
import '../../../src/adapters/auto.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, serve, tell, testify } from '../../support/stage.ts'
import type { Handlers } from './handlers.ts'

// Handlers that defer in events of their request and of its response, or take these events away. Argument: the protocol.
const users = new AsyncLocalStorage<string>()

const handlers: Handlers = {
  '/reads': (req, res) => {
    let body = ''
    req.on('data', (chunk) => (body += chunk))
    req.on('end', () => {
      defer(testify, 'end', markOf(req))
      setImmediate(() => res.end(body))
    })
  },
  '/closes': (req, res) => {
    tell('waiting', markOf(req))
    req.on('close', () => defer(note, 'close of the request'))
    res.on('close', () => defer(note, 'close of the response'))
  },
  '/finishes': (_req, res) => {
    users.run('Ada', () => {
      res.on('finish', () => {
        const user = users.getStore()
        defer(() => note(`finish: ${user}`))
      })
      res.end('hello')
    })
  },
  '/guard': (_req, res) => {
    defer(note, 'guard')
    setImmediate(() => {
      res.removeAllListeners()
      res.statusCode = 408
      res.end('timed out')
    })
  },
  '/tunnel': (_req, res) => {
    defer(note, 'tunnel')
    const { socket } = res
    res.writeHead(200, { connection: 'close' })
    res.flushHeaders()
    if (socket === null) return
    res.detachSocket(socket)
    socket.end('hello from the other side')
  },
}

serve(createServer(process.argv[2], (req, res) => handlers[req.url ?? '']?.(req, res)))
