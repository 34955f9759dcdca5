/** Tasks that wait until a test lets them end. */
export class Turns {
  /** The tasks that have begun, in order. */
  readonly all: string[] = []
  /** The most tasks that waited at once. */
  most = 0
  readonly #ends = new Map<string, () => void>()
  readonly #listeners = new Set<() => void>()

  /** In a task: waits for its end. */
  take(name: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.all.push(name)
    this.#ends.set(name, resolve)
    this.most = Math.max(this.most, this.#ends.size)
    for (const listener of this.#listeners) listener()
    return promise
  }

  /** Resolves when that task waits. */
  async taken(name: string): Promise<void> {
    while (!this.#ends.has(name)) {
      await new Promise<void>((resolve) => {
        const listener = () => {
          this.#listeners.delete(listener)
          resolve()
        }
        this.#listeners.add(listener)
      })
    }
  }

  get waiting(): string[] {
    return [...this.#ends.keys()]
  }

  end(name: string): void {
    this.#ends.get(name)?.()
    this.#ends.delete(name)
  }
}
