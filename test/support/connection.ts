import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { cert } from './certificate.ts'
import type { Protocol } from './protocols.ts'

/** A client's connection. `tcp` is what can be reset; `socket` is what is written to and read from. */
export interface Connection {
  readonly tcp: Socket
  readonly socket: Socket
}

export function connect(protocol: Protocol, port: number): Connection {
  const tcp = connectTcp({ host: '127.0.0.1', port })
  // What a connection that was broken off on purpose emits.
  tcp.on('error', () => {})
  if (protocol === 'HTTP/1.1' || protocol === 'h2c') return { tcp, socket: tcp }
  const ALPNProtocols = protocol === 'h2' ? ['h2'] : ['http/1.1']
  const socket = connectTls({ socket: tcp, ca: cert, servername: 'localhost', ALPNProtocols })
  socket.on('error', () => {})
  return { tcp, socket }
}
