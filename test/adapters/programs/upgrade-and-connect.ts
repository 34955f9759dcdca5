import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import '../../../src/adapters/auto.ts'
import { defer } from '../../../src/index.ts'
import { createServer } from '../../support/servers.ts'
import { note, serve, witness } from '../../support/stage.ts'

// A server that upgrades connections, by hand and not by a library. Argument: the protocol.
const server = createServer(process.argv[2], (req, res) => {
  witness(req)
  res.end('hello')
})

server.on('upgrade', (req: IncomingMessage, socket: Duplex) => {
  defer(note, 'upgrade')
  const digest = createHash('sha1').update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  const headers = ['Connection: Upgrade', 'Upgrade: websocket', `Sec-WebSocket-Accept: ${digest.digest('base64')}`]
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join('\r\n')}\r\n\r\n`)
  // Sends a short text frame of the client back.
  socket.on('data', (frame: Buffer) => {
    defer(note, 'message')
    const mask = frame.subarray(2, 6)
    const payload = frame.subarray(6).map((byte, i) => byte ^ mask[i % 4]!)
    socket.write(Buffer.from([0x81, payload.length, ...payload]))
  })
  endWithClient(socket)
})

server.on('connect', (_req: IncomingMessage, socket: Duplex) => {
  defer(note, 'connect')
  socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
  socket.on('data', (data) => {
    defer(note, 'data')
    socket.write(String(data).toUpperCase())
  })
  endWithClient(socket)
})

serve(server)

function endWithClient(socket: Duplex): void {
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.on('close', () => defer(note, 'close'))
}
