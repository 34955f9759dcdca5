import { Fifo } from '../fifo.ts'

/** A task that goes on when its turn comes. */
interface Yielded {
  readonly resolve: () => void
  next: Yielded | undefined
}

/** The tasks that have called `yield()`. They go on running, and take no place of `concurrency` anew. */
export class YieldedTasks {
  readonly #queue = new Fifo<Yielded>()

  get empty(): boolean {
    return this.#queue.empty
  }

  /** Resolves when the task may go on. */
  add(): Promise<void> {
    return new Promise((resolve) => this.#queue.push({ resolve, next: undefined }))
  }

  /** Lets the first one go on. */
  letGoOn(): void {
    this.#queue.shift()?.resolve()
  }
}
