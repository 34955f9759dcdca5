import { setTimeout as wait } from 'node:timers/promises'
import type { WebProcess } from './fleet-process.ts'

/** The time in ms between two sign-ups. */
const between = 25

/** A client signs up users, one after the other at a steady pace, at either web process: at the other one, should the first not answer. */
export class Client {
  /** The addresses whose sign-up was answered with success. */
  readonly answered = new Set<string>()
  refused = 0
  /** The time in ms that the slowest answer took, in all and since the last look. */
  #slowest = 0
  readonly #webs: readonly WebProcess[]
  readonly #stopped = new AbortController()
  readonly #running: Promise<void>

  constructor(webs: readonly WebProcess[]) {
    this.#webs = webs
    this.#running = this.#run()
  }

  /** The slowest answer since this was asked last, in ms. */
  takeSlowest(): number {
    const slowest = this.#slowest
    this.#slowest = 0
    return slowest
  }

  /** Resolves when no request is under way any more. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const open = new Set<Promise<void>>()
    for (let n = 0; !this.#stopped.signal.aborted; n++) {
      const signup = this.#signUp(n)
      open.add(signup)
      void signup.then(() => open.delete(signup))
      await wait(between)
    }
    await Promise.all(open)
  }

  async #signUp(n: number): Promise<void> {
    const email = `user-${n}@example.com`
    const begun = performance.now()
    for (let attempt = 0; attempt < this.#webs.length; attempt++) {
      const url = this.#webs[(n + attempt) % this.#webs.length]?.url
      if (url === undefined) continue
      try {
        const { ok } = await fetch(url, { method: 'POST', body: JSON.stringify({ email }) })
        if (!ok) continue
        this.answered.add(email)
        this.#slowest = Math.max(this.#slowest, performance.now() - begun)
        return
      } catch {
        // The process was killed: nobody was told that the user is signed up.
      }
    }
    this.refused++
  }
}
