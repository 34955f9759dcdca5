import { createServer as createHttp, type RequestListener, Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createTcp } from 'node:net'
import '../../../src/adapters/auto.ts'
import type { NodeServer } from '../../../src/adapters/node-http.ts'
import { cert, key } from '../../support/certificate.ts'
import { serve, witness } from '../../support/stage.ts'

// Servers that are not made and started in the usual way. Arguments: the protocol, which server.
const answer: RequestListener = (req, res) => {
  witness(req)
  res.end('hello')
}

const servers: Record<string, () => NodeServer> = {
  'handed-over': () => {
    const http = createHttp(answer)
    return createTcp((socket) => http.emit('connection', socket)) as NodeServer
  },
  both: () => createSecureServer({ key, cert, allowHTTP1: true }, answer as never),
  subclass: () => {
    class Subclass extends Server {}
    return new Subclass(answer)
  },
  'two-listeners': () => createHttp((req) => witness(req)).on('request', (_req, res) => res.end('hello')),
}

const make = servers[String(process.argv[3])]
if (make !== undefined) serve(make())
