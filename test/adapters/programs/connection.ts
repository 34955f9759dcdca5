import type { Duplex } from 'node:stream'
import '../../../src/adapters/auto.ts'
import { defer } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { markOf, note, serve, tell, witness } from '../../support/stage.ts'

// Handlers for what happens on one HTTP/1 connection. Argument: the protocol.
const server = createServer(process.argv[2], (req, res) => {
  witness(req)
  const mark = markOf(req)
  if (req.url === '/silent') return tell('waiting', mark)
  if (req.url === '/parts') res.write('in ')
  res.end(req.url)
  tell('ended', mark)
})
server.on('clientError', ({ code }: NodeJS.ErrnoException, socket: Duplex) => {
  if (code === 'ECONNRESET') return
  defer(note, 'clientError')
  socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
})
serve(server)
