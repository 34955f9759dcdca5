import { clock } from '../../clock.ts'
import type { Measurements } from '../../metrics.ts'
import type { PointsView, PointView } from '../views.ts'
import { PointRing } from './point-ring.ts'
import { quantilesBetween, type Totals, totalsOf } from './totals.ts'

/** The number of steps of a second that are remembered, of those of a minute, and of seconds in a minute. */
const seconds = 300
const minutes = 1440
const perMinute = 60

/** The history of an instance: its measurements of the last 5 minutes by seconds, and of the last 24 hours by minutes. */
export class History {
  readonly #seconds = new PointRing(seconds)
  readonly #minutes = new PointRing(minutes)
  /** The totals at the end of the last second, and at the end of the last minute. */
  #lastSecond: Totals | undefined
  #lastMinute: Totals | undefined
  /** The seconds of the minute that goes on. */
  #ofMinute: PointView[] = []

  /** Adds the measurements of a second. @returns the points that are new */
  add(measurements: Measurements): PointsView {
    const totals = totalsOf(measurements)
    const { status, loopDelay } = measurements
    const { backlog: due, oldestAge: oldestDue, held } = status
    const levels = { due, oldestDue, held, loopDelay: loopDelay?.p99 }
    const second = { at: clock.date(), ...between(this.#lastSecond ?? totals, totals), ...levels }
    this.#lastSecond = totals
    this.#lastMinute ??= totals
    this.#seconds.add(second)
    this.#ofMinute.push(second)
    return { minutes: [second], hours: this.#ofMinute.length < perMinute ? [] : [this.#endMinute(totals)] }
  }

  get points(): PointsView {
    return { minutes: this.#seconds.points, hours: this.#minutes.points }
  }

  #endMinute(totals: Totals): PointView {
    const worst = (of: (point: PointView) => number) => Math.max(...this.#ofMinute.map(of))
    const delays = this.#ofMinute.flatMap(({ loopDelay }) => loopDelay ?? [])
    const minute = {
      at: clock.date(),
      ...between(this.#lastMinute as Totals, totals),
      due: worst(({ due }) => due),
      oldestDue: worst(({ oldestDue }) => oldestDue),
      held: worst(({ held }) => held),
      loopDelay: delays.length === 0 ? undefined : Math.max(...delays),
    }
    this.#ofMinute = []
    this.#lastMinute = totals
    this.#minutes.add(minute)
    return minute
  }
}

function between(before: Totals, after: Totals) {
  return {
    done: after.done - before.done,
    failed: after.failed - before.failed,
    wait: quantilesBetween(before.wait, after.wait),
    run: quantilesBetween(before.run, after.run),
  }
}
