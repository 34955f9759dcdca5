import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The gate is visited by the parts of a program, by name, each when it begins and when it has ended (`visit` in `programs/visit.ts`). Those
 * whose name begins with `held` wait there between the two.
 */
export class Gate implements AsyncDisposable {
  readonly visits: string[] = []
  #open = false
  readonly #held: ServerResponse[] = []
  readonly #waiting = new Set<() => void>()
  readonly #server = createServer((req, res) => {
    const name = decodeURIComponent(String(req.url).slice(1))
    this.visits.push(name)
    if (name.startsWith('held') && !name.endsWith(' ended') && !this.#open) this.#held.push(res)
    else res.end()
    for (const wake of this.#waiting) wake()
  })

  static async open(): Promise<Gate> {
    const gate = new Gate()
    gate.#server.listen(0, '127.0.0.1')
    await once(gate.#server, 'listening')
    return gate
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Resolves when the gate was visited under that name, that many times. */
  async visited(name: string, times = 1): Promise<void> {
    while (this.visits.filter((visit) => visit === name).length < times) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  /** Lets all go on that are held, and all that come. */
  release(): void {
    this.#open = true
    for (const res of this.#held) res.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
