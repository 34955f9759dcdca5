import { once } from 'node:events'
import { type Connection, connect } from './connection.ts'
import type { Protocol } from './protocols.ts'

/** A client that says exactly what it is told to, and no more: for what an HTTP client would not do. */
export class Wire {
  readonly #connection: Connection
  /** The bytes so far. */
  text = ''
  /** The server has ended the connection, or it is broken. */
  readonly ended: Promise<unknown>
  readonly #closed: Promise<unknown>

  constructor(protocol: Protocol, port: number) {
    this.#connection = connect(protocol, port)
    const { socket } = this.#connection
    socket.setEncoding('latin1').on('data', (text) => (this.text += text))
    this.ended = new Promise((resolve) => socket.on('end', resolve).on('close', resolve))
    this.#closed = once(socket, 'close')
  }

  write(text: string): void {
    this.#connection.socket.write(text, 'latin1')
  }

  /** Resolves when that has come. Rejects if the connection ends without it. */
  async until(expected: string | RegExp): Promise<void> {
    const { socket } = this.#connection
    while (expected instanceof RegExp ? !expected.test(this.text) : !this.text.includes(expected)) {
      if (socket.destroyed || socket.readableEnded)
        throw new Error(`The connection ended without "${expected}": ${this.text}`)
      await new Promise<void>((resolve) => {
        const events = ['data', 'end', 'close'] as const
        const wake = () => {
          for (const event of events) socket.off(event, wake)
          resolve()
        }
        for (const event of events) socket.on(event, wake)
      })
    }
  }

  /** No more is said; the server may still answer. */
  halfClose(): void {
    this.#connection.socket.end()
  }

  async close(): Promise<void> {
    this.#connection.socket.destroy()
    await this.#closed
  }

  async reset(): Promise<void> {
    this.#connection.tcp.resetAndDestroy()
    await this.#closed
  }
}
