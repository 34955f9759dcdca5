import { Fifo } from '../fifo.ts'
import type { Rate } from '../options/task-options.ts'
import type { RunLimiter, WaitingRun } from '../task/definition.ts'
import { rootContext } from './current.ts'

/** The limiter of a job: how many runs go on at once, and how many begin within a time. */
export class Limiter implements RunLimiter {
  readonly #concurrency: number
  readonly #rate: Rate | undefined
  readonly #waiting = new Fifo<WaitingRun>()
  #running = 0
  /** The moments at which the last `rate.runs` runs began, the oldest at `#oldest`. */
  readonly #begun: number[] = []
  #oldest = 0
  #timer: NodeJS.Timeout | undefined

  constructor(concurrency: number, rate: Rate | undefined) {
    this.#concurrency = concurrency
    this.#rate = rate
  }

  tryAcquire(waiting: WaitingRun): boolean {
    const isAdmitted = waiting.admittedBy === this
    if ((!isAdmitted && !this.#waiting.empty) || this.#msUntilRoom() > 0) return false
    waiting.admittedBy = undefined
    this.#running++
    if (this.#rate !== undefined) {
      this.#begun[this.#oldest] = performance.now()
      this.#oldest = (this.#oldest + 1) % this.#rate.runs
    }
    this.admit()
    return true
  }

  wait(waiting: WaitingRun): void {
    if (waiting.admittedBy === this) this.#waiting.unshift(waiting)
    else this.#waiting.push(waiting)
    waiting.admittedBy = undefined
    this.admit()
  }

  release(): void {
    this.#running--
    this.admit()
  }

  admit(): void {
    if (this.#waiting.empty) return
    const wait = this.#msUntilRoom()
    if (wait === Infinity) return
    if (wait > 0) {
      this.#timer ??= rootContext.runInAsyncScope(setTimeout, undefined, this.#onTime, Math.ceil(wait))
      return
    }
    const next = this.#waiting.shift() as WaitingRun
    next.admittedBy = this
    next.resume()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    this.admit()
  }

  /** The time in ms until there is room; `Infinity` where only the end of a run makes some. */
  #msUntilRoom(): number {
    if (this.#running >= this.#concurrency) return Infinity
    const oldest = this.#begun[this.#oldest]
    return this.#rate === undefined || oldest === undefined ? 0 : oldest + this.#rate.per - performance.now()
  }
}
