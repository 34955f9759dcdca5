/** The answers of the server for which a client waits, by the numbers of its questions. */
export class Answers<T> {
  readonly #waiting = new Map<number, PromiseWithResolvers<T>>()
  #number = 0

  /** Waits for the answer to a new question. */
  expect(): { readonly number: number; readonly answer: Promise<T> } {
    const number = ++this.#number
    const waiting = Promise.withResolvers<T>()
    this.#waiting.set(number, waiting)
    return { number, answer: waiting.promise }
  }

  /** Takes the question that is answered now; `undefined` where nobody waits for the answer any more. */
  take(number: number): PromiseWithResolvers<T> | undefined {
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    return waiting
  }

  /** The server has died, and what it was asked with it. @param error makes the error of a question */
  lost(error: () => Error): void {
    for (const { reject } of this.#waiting.values()) reject(error())
    this.#waiting.clear()
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }
}
