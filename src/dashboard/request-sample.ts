import { clock } from '../clock.ts'

/** The time in ms after which the share is computed anew. */
const period = 1000

/** A sample takes every request while there are few, and a share of them, evenly, while there are many. */
export class RequestSample {
  readonly #mostInPeriod: number
  /** One of so many is taken. */
  #step = 1
  #seen = 0
  #taken = 0
  #since = Number.NEGATIVE_INFINITY

  /** @param perSecond the number that is taken of a second, about: the share follows from the second before */
  constructor(perSecond: number) {
    this.#mostInPeriod = perSecond
  }

  /** The share that is taken at the moment: 1 for all. */
  get share(): number {
    return clock.now() - this.#since > 2 * period ? 1 : 1 / this.#step
  }

  /** Takes one, or not. @param now by `performance.now()` */
  takes(now: number): boolean {
    if (now - this.#since >= period) {
      // Where more than a period has passed, its rate says nothing of the present one.
      this.#step = now - this.#since < 2 * period ? Math.max(1, Math.ceil(this.#seen / this.#mostInPeriod)) : 1
      this.#since = now
      this.#seen = this.#taken = 0
    }
    // A burst after a quiet second is taken up to twice the number.
    if (this.#seen++ % this.#step !== 0 || this.#taken >= 2 * this.#mostInPeriod) return false
    this.#taken++
    return true
  }
}
