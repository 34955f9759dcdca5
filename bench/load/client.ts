import { connect, type Socket } from 'node:net'
import { answer } from '../program.ts'

export interface Slice {
  readonly port: number
  readonly path: string
  readonly connections: number
  /** The duration, in ms. */
  readonly duration: number
  /** Leaves its core to others while it waits. */
  readonly sleeps?: boolean | undefined
}

export interface Load {
  readonly responses: number
  /** The duration that it took, in ms. */
  readonly elapsed: number
  /** 99 of 100 requests took no longer, in ms. */
  readonly p99: number
}

const headEnd = '\r\n\r\n'

/**
 * One request after the other on each of some kept-alive connections. Every response of a server has the same length,
 * so counting bytes will do: that costs a fraction of what the server does, which keeps the server the bottleneck.
 */
async function load({ port, path, connections, duration, sleeps = false }: Slice): Promise<Load> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const times: number[] = []
  let over = false
  const start = performance.now()
  const timer = setTimeout(() => (over = true), duration)
  if (!sleeps) stayAwake()
  await Promise.all(Array.from({ length: connections }, () => converse(port)))
  clearTimeout(timer)
  const elapsed = performance.now() - start
  const p99 = times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN
  return { responses: times.length, elapsed, p99 }

  /** A client that sleeps has to be woken by the server's `write`, and sleeps more often the slower the server is. */
  function stayAwake(): void {
    if (!over) setImmediate(stayAwake)
  }

  async function converse(port: number): Promise<void> {
    const socket = connect(port, '127.0.0.1').setNoDelay(true)
    let length = 0
    let received = 0
    let first = ''
    let asked = 0
    const ask = () => {
      asked = performance.now()
      socket.write(request)
    }
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject)
      socket.on('connect', ask)
      socket.on('data', (chunk) => {
        received += chunk.length
        if (length === 0 || length === Number.POSITIVE_INFINITY) {
          first += chunk.toString('latin1')
          length = lengthOf(first)
        }
        if (received < length) return
        received -= length
        times.push(performance.now() - asked)
        if (over) end(socket, resolve)
        else ask()
      })
    })
  }
}

/** The length of a response, from what has come of the first one; more than that until it is whole. */
function lengthOf(text: string): number {
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`Unexpected response:\n${text}`)
  const head = text.indexOf(headEnd)
  if (head === -1) return Number.POSITIVE_INFINITY
  const body = /^content-length: (\d+)$/im.exec(text)?.[1]
  if (body !== undefined) return head + headEnd.length + Number(body)
  return text.endsWith('\r\n0\r\n\r\n') ? text.length : Number.POSITIVE_INFINITY
}

function end(socket: Socket, ended: () => void): void {
  socket.once('close', ended)
  socket.end()
}

answer(load)
