import { clearTimeout, clock } from '../clock.ts'
import { Fifo } from '../fifo.ts'
import type { Rate } from '../options/rate.ts'
import type { RunLimiter, WaitingRun } from '../task/definition.ts'
import { setTimer } from '../timers.ts'
import { rootContext } from './current.ts'

/** The limiter of a job: how many runs go on at once, and how many begin within a time. */
export class Limiter implements RunLimiter {
  #concurrency: number
  #rate: Rate | undefined
  readonly #waiting = new Fifo<WaitingRun>()
  #running = 0
  /** The moments at which the last `rate.runs` runs began, the oldest at `#oldest`. */
  #begun: number[] = []
  #oldest = 0
  #timer: NodeJS.Timeout | undefined
  /** The last run that was admitted. */
  #admitted: WaitingRun | undefined
  #onRoom: (() => void) | undefined

  constructor(concurrency: number, rate: Rate | undefined) {
    this.#concurrency = concurrency
    this.#rate = rate
  }

  /** Changes the limits: the job was defined again. Runs that have begun count. */
  change(concurrency: number, rate: Rate | undefined): void {
    const begun = [...this.#begun.slice(this.#oldest), ...this.#begun.slice(0, this.#oldest)]
    this.#begun = rate === undefined ? [] : begun.slice(-rate.runs)
    this.#oldest = rate === undefined ? 0 : this.#begun.length % rate.runs
    this.#concurrency = concurrency
    this.#rate = rate
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.admit()
  }

  tryAcquire(waiting: WaitingRun): boolean {
    const isAdmitted = waiting.admittedBy === this
    if ((!isAdmitted && !this.#waiting.empty) || this.#msUntilRoom() > 0) return false
    waiting.admittedBy = undefined
    this.#running++
    if (this.#rate !== undefined) {
      this.#begun[this.#oldest] = clock.now()
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

  release(retries = false): void {
    this.#running--
    if (retries) this.retry()
    else this.admit()
  }

  retry(): void {
    const waiting: WaitingRun[] = []
    for (let run = this.#waiting.shift(); run !== undefined; run = this.#waiting.shift()) waiting.push(run)
    for (const run of waiting) run.resume()
    this.admit()
  }

  get isSpent(): boolean {
    return this.#beginnings <= 0
  }

  get room(): number {
    // A run that waits goes before all that come later.
    if (!this.#waiting.empty) return 0
    const admitted = this.#admitted?.admittedBy === this ? 1 : 0
    return Math.max(0, Math.min(this.#concurrency - this.#running, this.#beginnings) - admitted)
  }

  whenRoom(call: () => void): void {
    this.#onRoom = call
    this.admit()
  }

  admit(): void {
    if (this.#waiting.empty && this.#onRoom === undefined) return
    const wait = this.#msUntilRoom()
    if (wait === Infinity) return
    if (wait > 0) {
      this.#timer ??= rootContext.runInAsyncScope(setTimer, undefined, this.#onTime, Math.ceil(wait))
      // Only runs that wait hold the process.
      if (this.#waiting.empty) this.#timer?.unref()
      else this.#timer?.ref()
      return
    }
    const next = this.#waiting.shift()
    if (next === undefined) return this.#tellRoom()
    this.#admitted = next
    next.admittedBy = this
    next.resume()
  }

  #tellRoom(): void {
    const onRoom = this.#onRoom
    this.#onRoom = undefined
    onRoom?.()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    this.admit()
  }

  /** The number of runs that the rate lets begin now. */
  get #beginnings(): number {
    if (this.#rate === undefined) return Infinity
    const { runs, per } = this.#rate
    const from = clock.now() - per
    let beginnings = runs - this.#begun.length
    for (let i = 0; i < this.#begun.length; i++) {
      if ((this.#begun[(this.#oldest + i) % this.#begun.length] as number) > from) break
      beginnings++
    }
    return beginnings
  }

  /** The time in ms until there is room; `Infinity` where only the end of a run makes some. */
  #msUntilRoom(): number {
    if (this.#running >= this.#concurrency) return Infinity
    const oldest = this.#begun[this.#oldest]
    return this.#rate === undefined || oldest === undefined ? 0 : oldest + this.#rate.per - clock.now()
  }
}
