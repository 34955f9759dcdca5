import { root } from './backlog.ts'
import { Lane } from './lane.ts'
import type { Rate } from './task-options.ts'

/** What waits for a limit: a scope whose next task is of the job, or one such task by itself. */
export interface Limited {
  next: this | undefined
  /** The limit that has called it: it has the room that there is now. */
  calledBy: Limit | undefined
  resume(): void
}

/** How many runs of a job may go on at once, and begin within a time. */
export class Limit {
  readonly #concurrency: number
  readonly #rate: Rate | undefined
  readonly #lane = new Lane<Limited>()
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
  enter(waiting: Limited): boolean {
    const called = waiting.calledBy === this
    if ((!called && !this.#lane.empty) || this.#wait() > 0) return false
    waiting.calledBy = undefined
    this.#running++
    if (this.#rate !== undefined) {
      this.#begun[this.#oldest] = performance.now()
      this.#oldest = (this.#oldest + 1) % this.#rate.runs
    }
    this.call()
    return true
  }

  /** What waits stands here until there is room. */
  line(waiting: Limited): void {
    if (waiting.calledBy === this) this.#lane.unshift(waiting)
    else this.#lane.push(waiting)
    waiting.calledBy = undefined
    this.call()
  }

  /** Begins a run as soon as there is room, for a task that stands in no lane. */
  async entered(): Promise<void> {
    const waiting: Limited = { next: undefined, calledBy: undefined, resume: () => {} }
    while (!this.enter(waiting)) {
      await new Promise<void>((resolve) => {
        waiting.resume = resolve
        this.line(waiting)
      })
    }
  }

  /** A run is over. */
  leave(): void {
    this.#running--
    this.call()
  }

  /** Calls the next one if there is room for it. */
  call(): void {
    if (this.#lane.empty) return
    const wait = this.#wait()
    if (wait === Infinity) return
    if (wait > 0) {
      this.#timer ??= root.runInAsyncScope(setTimeout, undefined, this.#onTime, Math.ceil(wait))
      return
    }
    const next = this.#lane.shift() as Limited
    next.calledBy = this
    next.resume()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    this.call()
  }

  /** For how many ms there is no room; `Infinity` where only the end of a run can make some. */
  #wait(): number {
    if (this.#running >= this.#concurrency) return Infinity
    const oldest = this.#begun[this.#oldest]
    return this.#rate === undefined || oldest === undefined ? 0 : oldest + this.#rate.per - performance.now()
  }
}
