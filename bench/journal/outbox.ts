import { type Payload, payload } from './payload.ts'

/** The callers that wait for a mail to be sent. */
export class Outbox {
  readonly #waiting = new Map<number, () => void>()

  /** Hands a mail to a queue. Resolves when that has taken it, and it was sent. */
  async through(add: (data: Payload) => unknown): Promise<void> {
    const data = payload()
    const sent = new Promise<void>((resolve) => this.#waiting.set(data.number, resolve))
    await add(data)
    await sent
  }

  readonly send = ({ number }: Payload): void => {
    this.#waiting.get(number)?.()
    this.#waiting.delete(number)
  }

  /** Forgets the callers that still wait. */
  clear(): void {
    this.#waiting.clear()
  }
}
