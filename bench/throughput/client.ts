import { connect, type Socket } from 'node:net'
import { answer } from '../program.ts'

export interface Slice {
  readonly port: number
  readonly connections: number
  /** How long, in ms. */
  readonly duration: number
}

export interface Load {
  readonly responses: number
  /** How long it took, in ms. */
  readonly elapsed: number
}

const request = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
const headEnd = Buffer.from('\r\n\r\n')

/**
 * One request after the other on each of some kept-alive connections. Every response of a server has the same length,
 * so counting bytes will do: that costs a fraction of what the server does, which keeps the server the bottleneck.
 */
async function load({ port, connections, duration }: Slice): Promise<Load> {
  let responses = 0
  let over = false
  const start = performance.now()
  const timer = setTimeout(() => (over = true), duration)
  stayAwake()
  await Promise.all(Array.from({ length: connections }, () => converse(port)))
  clearTimeout(timer)
  return { responses, elapsed: performance.now() - start }

  /** A client that sleeps has to be woken by the server's `write`, and sleeps more often the slower the server is. */
  function stayAwake(): void {
    if (!over) setImmediate(stayAwake)
  }

  async function converse(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1').setNoDelay(true)
    let length = 0
    let received = 0
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('connect', () => socket.write(request))
      socket.on('data', (chunk) => {
        if (length === 0) length = lengthOf(chunk)
        received += chunk.length
        if (received < length) return
        received -= length
        responses++
        if (over) end(socket, resolve)
        else socket.write(request)
      })
    })
  }
}

/** The length of a response, from the first one, which must be whole. */
function lengthOf(chunk: Buffer): number {
  const text = chunk.toString('latin1')
  const body = Number(/^content-length: (\d+)$/im.exec(text)?.[1])
  const length = chunk.indexOf(headEnd) + headEnd.length + body
  if (!text.startsWith('HTTP/1.1 200') || length !== chunk.length) throw new Error(`Unexpected response:\n${text}`)
  return length
}

function end(socket: Socket, ended: () => void): void {
  socket.once('close', ended)
  socket.end()
}

answer(load)
