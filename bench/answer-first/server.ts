import 'afterword/auto'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createH2cServer, createSecureServer as createH2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { configure, defer } from 'afterword'
import { cert, key } from '../../test/support/certificate.ts'
import { answer } from '../program.ts'
import type { Protocol } from './protocol.ts'

// These tasks are slow on purpose.
configure({ slowTask: Number.POSITIVE_INFINITY })

/** The CPU time of a task, in ms. */
const burn = 500

interface Request {
  readonly url?: string | undefined
}
interface Response {
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

let burnt = Promise.resolve()

/** The path names the way in which the work is begun; `/ready` answers when the last work is done. */
const handle = (req: Request, res: Response): void => {
  if (req.url === '/ready') return void burnt.then(() => res.end('ready'))
  const way = req.url === '/without' ? undefined : startTask()
  if (req.url === '/defer' && way !== undefined) defer(way)
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
  if (req.url === '/at-once') way?.()
  if (req.url === '/setImmediate' && way !== undefined) setImmediate(way)
}

function startTask(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  burnt = promise
  return () => {
    for (const end = performance.now() + burn; performance.now() < end; );
    resolve()
  }
}

const servers: Record<Protocol, () => Server> = {
  'HTTP/1.1': () => createHttpServer(handle),
  HTTPS: () => createHttpsServer({ cert, key }, handle),
  h2c: () => createH2cServer(handle),
  h2: () => createH2Server({ cert, key }, handle),
}

const server = servers[process.argv[2] as Protocol]()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo

answer(() => port)
