export const backlogSize = 10_000

/** Measures how fast a backlog is run: from the first one to the last. */
export class Backlog {
  #left = 0
  #size = 0
  #began = 0
  #over = Promise.withResolvers<number>()

  /** `jobs` are about to run. Resolves with how many did in a second. */
  expect(jobs: number): Promise<number> {
    this.#left = this.#size = jobs
    this.#over = Promise.withResolvers()
    return this.#over.promise
  }

  readonly ran = (): void => {
    if (this.#left === this.#size) this.#began = performance.now()
    if (--this.#left === 0) this.#over.resolve((1000 * (this.#size - 1)) / (performance.now() - this.#began))
  }
}
