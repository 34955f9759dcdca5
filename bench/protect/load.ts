import { connect, type Socket } from 'node:net'
import { answer } from '../program.ts'

/** The deferred work: bursts of tasks, each by one request. */
export interface Work {
  /** Bursts in a second. */
  readonly bursts: number
  readonly tasks: number
  /** The time in ms for which each task keeps the thread. */
  readonly ms: number
}

export interface Plan {
  readonly port: number
  readonly work: Work
  /** Requests in a second, whether or not earlier ones were answered. */
  readonly rate: number
  /** The number of requests that are due at the same moment. @default 1 */
  readonly together?: number
  /** In ms. */
  readonly duration: number
}

/** From the moment in which each request was to be sent until its answer was there, in ms, sorted. */
export interface Latencies {
  readonly times: readonly number[]
}

/** The time in ms after the last request was to be sent at which requests without an answer count as answered. */
const patience = 5000

/** Open loop: requests are due at fixed moments, as with clients that don't know of each other. */
async function load({ port, work, rate, together = 1, duration }: Plan): Promise<Latencies> {
  const requests = Math.floor((rate * duration) / 1000)
  const each = Math.round(rate / work.bursts)
  const idle: Connection[] = []
  const due: { path: string; at: number }[] = []
  const times: number[] = []
  const connections = new Set<Connection>()
  const answered = (time: number, freed: Connection) => {
    times.push(time)
    idle.push(freed)
  }
  for (let i = 0; i < readyConnections; i++) connections.add(new Connection(port, answered))
  // Opening them is not what is measured.
  for (const connection of connections) connection.ask('/', performance.now())
  while (times.length < readyConnections) await new Promise((resolve) => setImmediate(resolve))
  times.length = 0

  const start = performance.now()
  let next = 0
  const dueAt = (request: number) => start + ((request - (request % together)) * 1000) / rate

  const send = () => {
    while (next < requests && performance.now() >= dueAt(next)) {
      const path = each > 0 && next % each === Math.floor(each / 2) ? `/${work.tasks}/${work.ms}` : '/'
      due.push({ path, at: dueAt(next) })
      next++
    }
    for (let request = due[0]; request !== undefined; request = due[0]) {
      let connection = idle.pop()
      if (connection === undefined && connections.size < mostConnections) {
        connection = new Connection(port, answered)
        connections.add(connection)
      }
      if (connection === undefined) break
      due.shift()
      connection.ask(request.path, request.at)
    }
  }
  const end = start + duration + patience
  await new Promise<void>((resolve) => {
    // Never asleep: a timer may be a millisecond late.
    const loop = () => {
      send()
      if (times.length === requests || performance.now() > end) resolve()
      else setImmediate(loop)
    }
    loop()
  })
  const now = performance.now()
  for (const { at } of due) times.push(now - at)
  for (const connection of connections) times.push(...connection.close(now))
  return { times: times.sort((a, b) => a - b) }
}

const mostConnections = 512
/** Enough for a server that keeps up. */
const readyConnections = 32

/** Asks one thing at a time. Every answer has the same length. */
class Connection {
  readonly #socket: Socket
  readonly #answered: (time: number, connection: Connection) => void
  #asked: number | undefined
  #length = 0
  #received = 0
  #first = ''

  constructor(port: number, answered: (time: number, connection: Connection) => void) {
    this.#answered = answered
    this.#socket = connect(port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('data', (chunk) => this.#take(chunk))
  }

  ask(path: string, at: number): void {
    this.#asked = at
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  }

  /** The time of what was asked and not answered. */
  close(now: number): number[] {
    this.#socket.destroy()
    return this.#asked === undefined ? [] : [now - this.#asked]
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#length === 0) {
      this.#first += chunk.toString('latin1')
      const head = this.#first.indexOf('\r\n\r\n')
      if (head === -1) return
      if (!this.#first.startsWith('HTTP/1.1 200')) throw new Error(`Unexpected response:\n${this.#first}`)
      this.#length = head + 4 + Number(/content-length: (\d+)/i.exec(this.#first)?.[1])
    }
    if (this.#received < this.#length) return
    this.#received -= this.#length
    const time = performance.now() - (this.#asked as number)
    this.#asked = undefined
    this.#answered(time, this)
  }
}

answer(load)
