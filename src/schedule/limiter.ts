import { Fifo } from '../fifo.ts'
import type { Rate } from '../options/task-options.ts'
import { root } from './backlog.ts'

/** What waits for a limit: a scope whose next task is of the job, or one such task by itself. */
export interface Waiting {
  next: this | undefined
  /** The limit that has called it: it has the room that there is now. */
  admittedBy: Limiter | undefined
  resume(): void
}

/** How many runs of a job may go on at once, and begin within a time. */
export class Limiter {
  readonly #concurrency: number
  readonly #rate: Rate | undefined
  readonly #waiting = new Fifo<Waiting>()
  #running = 0
  /** When the last `rate.runs` runs began, the oldest at `#oldest`. */
  readonly #begun: number[] = []
  #oldest = 0
  #timer: NodeJS.Timeout | undefined

  constructor(concurrency: number, rate: Rate | undefined) {
    this.#concurrency = concurrency
    this.#rate = rate
  }

  /** Begins a run, if there is room for one and nothing else was here before. */
  tryAcquire(waiting: Waiting): boolean {
    const called = waiting.admittedBy === this
    if ((!called && !this.#waiting.empty) || this.#msUntilRoom() > 0) return false
    waiting.admittedBy = undefined
    this.#running++
    if (this.#rate !== undefined) {
      this.#begun[this.#oldest] = performance.now()
      this.#oldest = (this.#oldest + 1) % this.#rate.runs
    }
    this.admit()
    return true
  }

  /** What waits stands here until there is room. */
  wait(waiting: Waiting): void {
    if (waiting.admittedBy === this) this.#waiting.unshift(waiting)
    else this.#waiting.push(waiting)
    waiting.admittedBy = undefined
    this.admit()
  }

  /** Begins a run as soon as there is room, for a task that stands in no lane. */
  async acquire(): Promise<void> {
    const waiting: Waiting = { next: undefined, admittedBy: undefined, resume: () => {} }
    while (!this.tryAcquire(waiting)) {
      await new Promise<void>((resolve) => {
        waiting.resume = resolve
        this.wait(waiting)
      })
    }
  }

  /** A run is over. */
  release(): void {
    this.#running--
    this.admit()
  }

  /** Calls the next one if there is room for it. */
  admit(): void {
    if (this.#waiting.empty) return
    const wait = this.#msUntilRoom()
    if (wait === Infinity) return
    if (wait > 0) {
      this.#timer ??= root.runInAsyncScope(setTimeout, undefined, this.#onTime, Math.ceil(wait))
      return
    }
    const next = this.#waiting.shift() as Waiting
    next.admittedBy = this
    next.resume()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    this.admit()
  }

  /** For how many ms there is no room; `Infinity` where only the end of a run can make some. */
  #msUntilRoom(): number {
    if (this.#running >= this.#concurrency) return Infinity
    const oldest = this.#begun[this.#oldest]
    return this.#rate === undefined || oldest === undefined ? 0 : oldest + this.#rate.per - performance.now()
  }
}
