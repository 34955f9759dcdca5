import { clearTimeout, clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { Claim } from '../task/record.ts'
import { setTimer } from '../timers.ts'

/** The time in ms after which a claim that waits is old. */
const longestWait = 5 * 60_000

/** The claims that wait for the engine, with the moments at which they came. That one is old is reported once, until none waits any more. */
export class WaitingClaims {
  readonly #engine: string
  readonly #longest: number
  /** The oldest claim comes first. */
  readonly #since = new Map<Claim, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param engine the name of the engine */
  constructor(engine: string, longest = longestWait) {
    this.#engine = engine
    this.#longest = longest
  }

  add(claims: readonly Claim[]): void {
    for (const claim of claims) this.#since.set(claim, clock.now())
    if (claims.length > 0) this.#timer ??= setTimer(this.#look, this.#longest).unref()
  }

  /** The claim is the engine's, or was handed back. */
  delete(claim: Claim): void {
    this.#since.delete(claim)
    if (this.#since.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** The time in ms for which the oldest claim has waited; 0 while none waits. */
  get oldest(): number {
    const [since] = this.#since.values()
    return since === undefined ? 0 : clock.now() - since
  }

  readonly #look = (): void => {
    const left = this.#longest - this.oldest
    // Other claims have come meanwhile.
    if (left > 0) return void (this.#timer = setTimer(this.#look, left).unref())
    // The timer that has fired stays set: it is cleared, and set anew, when no claim waits any more.
    report(
      new AfterwordError('AFTERWORD_NOT_FORWARDED', [this.#since.size, this.#engine, Math.round(this.oldest / 1000)]),
    )
  }
}
