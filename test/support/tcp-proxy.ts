import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy on a free port, whose network fails as it is told. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>()
  #mode: 'forward' | 'stop' | 'lose-answers' = 'forward'
  /** A text of the commands whose answers are lost. */
  #command = ''
  /** The time in ms that answers take longer. */
  #delay = 0

  private constructor(port: number) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1')
      const pair = [client, server] as const
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [server, client] as const]) {
        from.on('error', () => {})
        from.on('close', () => {
          this.#pairs.delete(pair)
          to.destroy()
        })
      }
      let isAsked = false
      client.on('data', (bytes) => {
        server.write(bytes)
        isAsked ||= this.#mode === 'lose-answers' && bytes.includes(this.#command)
      })
      server.on('data', (bytes) => {
        if (this.#mode === 'lose-answers' && (isAsked || this.#command === '')) client.destroy()
        else if (this.#delay === 0) client.write(bytes)
        else setTimeout(() => client.write(bytes), this.#delay)
      })
      this.#apply(pair)
    })
  }

  static async start(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Forwards nothing any more, in either direction, and breaks no connection: the other side is half open. */
  stop(): void {
    this.#set('stop')
  }

  /**
   * Breaks each connection when an answer comes: what was asked has been done, and nobody hears of it.
   * @param command a text of commands: only connections on which one with it was sent, while answers are lost, are broken @default all
   */
  loseAnswers(command = ''): void {
    this.#command = command
    this.#set('lose-answers')
  }

  /** Lets each answer take longer. @param delay the time in ms */
  slowDown(delay: number): void {
    this.#delay = delay
  }

  /** Forwards nothing any more on the connections that there are, as where the other machine has lost its power. New ones work. */
  forget(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.removeAllListeners('data').pause()
  }

  /** Forwards all, also what has waited meanwhile. */
  forward(): void {
    this.#set('forward')
  }

  #set(mode: 'forward' | 'stop' | 'lose-answers'): void {
    this.#mode = mode
    for (const pair of this.#pairs) this.#apply(pair)
  }

  #apply(pair: readonly Socket[]): void {
    for (const socket of pair) {
      if (this.#mode === 'stop') socket.pause()
      else socket.resume()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
    await once(this.#server, 'close')
  }
}
