import { clock } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { within } from '../../timers.ts'

/** The time in ms that each step of an end has at least, however little is left. */
const leastForStep = 2000

/** A deadline bounds the steps of an end: a disk that stands still keeps no process from its end. */
export class Deadline {
  readonly #until: number
  #isTold = false

  /** @param within the time in ms */
  constructor(within: number) {
    this.#until = clock.now() + within
  }

  /** The time in ms that is left. */
  get left(): number {
    return Math.max(0, this.#until - clock.now())
  }

  /** Waits for a step. Reports the first one that takes too long. @returns whether the step has ended in time */
  async bounds(step: Promise<unknown>): Promise<boolean> {
    const time = Math.max(leastForStep, this.left)
    const isInTime = await within(time, step)
    if (!isInTime) this.#tell(time)
    return isInTime
  }

  #tell(time: number): void {
    if (this.#isTold) return
    this.#isTold = true
    report(new AfterwordError('AFTERWORD_JOURNAL_BEHIND', [`the disk has not answered for ${Math.round(time)} ms`]))
  }
}
