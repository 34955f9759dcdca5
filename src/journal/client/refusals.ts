import { clearTimeout, setTimeout } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'

/** The least time in ms between two reports of refusals: a full disk refuses every request. */
const interval = 1000

/** Reports the records that are refused: the first at once, those that follow together. */
export class Refusals {
  readonly #errorOf: (why: string) => AfterwordError
  #count = 0
  #last: string | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param errorOf makes the error of a refusal */
  constructor(errorOf = (why: string) => new AfterwordError('AFTERWORD_JOURNAL_REFUSED', [why])) {
    this.#errorOf = errorOf
  }

  /** Makes the error of a refused record, and counts it. */
  add(why: string): AfterwordError {
    this.#last = why
    this.#count++
    if (this.#timer === undefined) this.flush()
    return this.#errorOf(why)
  }

  /** Reports what was refused since the last report. */
  readonly flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#last === undefined) return
    const what = this.#count === 1 ? this.#last : `${this.#last} (${this.#count} records)`
    this.#count = 0
    this.#last = undefined
    this.#timer = setTimeout(this.flush, interval).unref()
    report(this.#errorOf(what))
  }
}
