import type { IncomingMessage, ServerResponse } from 'node:http'
import '../../../src/adapters/auto.ts'
import { createServer } from '../../support/servers.ts'
import { go, markOf, onePerScope, serve, witness } from '../../support/stage.ts'

// A server that decides by itself whether a client may send its body. Argument: the protocol.
const server = createServer(process.argv[2], async (req, res) => {
  let size = 0
  for await (const chunk of req) size += chunk.length
  witness(req)
  onePerScope('request')
  await go(markOf(req))
  res.end(String(size))
})

function refuse(res: ServerResponse): void {
  res.statusCode = 417
  res.end()
}

server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
  onePerScope('checkContinue')
  if (req.url === '/refuses') return refuse(res)
  res.writeContinue()
  server.emit('request', req, res)
})
server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
  witness(req, 'checkExpectation')
  refuse(res)
})
serve(server)
