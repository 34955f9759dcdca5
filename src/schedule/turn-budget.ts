import type { AfterwordSettings } from '../options/instance-options.ts'

/** The time in ms between two turns below which the event loop had nothing else to do. */
const quietGap = 0.02
/** The most time in ms that tasks save up of a share that they did not use: a burst of requests may take all of it. */
const mostCredit = 2
/** The part of `maxWait` up to which a wait changes nothing. */
const calm = 0.5
/** The most turns in a row that are left to requests. */
const mostSkipped = 16
/** The time in ms up to which tasks are short: they have a slice of this length in every turn, as putting them off would cost more. */
const short = 0.02

/**
 * The turn budget decides for each turn of the event loop whether tasks run in it, and for how long. Requests come first: tasks have the
 * turns in which no request was waiting, and a share of the time besides, so that they never starve. The share grows with their wait,
 * until it is as large as that of requests.
 */
export class TurnBudget {
  readonly #settings: AfterwordSettings
  /** The moments of a turn by `performance.now()`: its beginning, the end for tasks that begin, and the end for a task that yields. */
  turnBegan = 0
  beginUntil = 0
  goOnUntil = 0
  /** The time in ms of the longest task of the last slice. */
  longest = 0
  #turnEnded = 0
  #events = 0
  #credit = 0
  #skipped = 0
  #quiet = false

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  /**
   * Begins a turn.
   * @param wait the wait of the tasks, as a part of `maxWait`
   * @returns whether tasks may run in it, or it is left to requests
   */
  begin(now: number, wait: number): boolean {
    const { turnBudget, taskShare } = this.#settings
    this.turnBegan = now
    const gap = now - this.#turnEnded
    const pressure = Math.max(0, (Math.min(wait, 1) - calm) / (1 - calm))
    const earned = gap * (taskShare + (1 - taskShare) * pressure ** 2)
    this.#credit = Math.min(mostCredit, this.#credit + earned)
    this.#quiet = gap < quietGap || this.#events === eventsHandled()
    if (this.#quiet || this.#credit >= turnBudget || this.#skipped === mostSkipped) {
      this.#skipped = 0
      this.beginUntil = this.goOnUntil =
        now + (pressure > 0 ? Math.max(turnBudget, Math.min(mostCredit, earned)) : turnBudget)
      return true
    }
    this.#skipped++
    if (this.longest >= short) return false
    this.beginUntil = now + short
    this.goOnUntil = now + turnBudget
    return true
  }

  /** Ends a turn that leaves tasks for the next one. */
  end(now: number): void {
    if (!this.#quiet) this.#credit = Math.max(-mostCredit, this.#credit - (now - this.turnBegan))
    this.#turnEnded = now
    this.#events = eventsHandled()
  }
}

/**
 * Counts the events that libuv has handled: as long as the number stays the same, no request has come
 * (https://nodejs.org/api/perf_hooks.html#performancenodetiminguvmetricsinfo). Other runtimes have no such number.
 */
function eventsHandled(): number {
  return (performance as Loop).nodeTiming?.uvMetricsInfo?.events ?? Number.NaN
}
type Loop = Omit<typeof performance, 'nodeTiming'> & {
  readonly nodeTiming?: { readonly uvMetricsInfo?: { readonly events: number } }
}
