import { type Mail, mail } from './payload.ts'

/** The callers that wait for a mail to be sent. */
export class Outbox {
  readonly #waiting = new Map<number, () => void>()

  /** Hands a mail to a queue. Resolves when that has taken it, and it was sent. */
  async through(add: (data: Mail) => unknown): Promise<void> {
    const data = mail()
    const sent = new Promise<void>((resolve) => this.#waiting.set(data.number, resolve))
    await add(data)
    await sent
  }

  readonly send = ({ number }: Mail): void => {
    this.#waiting.get(number)?.()
    this.#waiting.delete(number)
  }

  /** Forgets the callers that still wait. */
  clear(): void {
    this.#waiting.clear()
  }
}
