import type { AfterwordSettings } from '../options/instance-options.ts'

/** With less than this between two turns, in ms, the event loop had nothing else to do. */
const quietGap = 0.02
/** A share that was not used is saved up, in ms: a burst of requests may take all of it. */
const mostCredit = 2
/** So many turns in a row may be left to requests. */
const mostSkipped = 16
/** Tasks that take no longer, in ms, have a slice of this length in every turn: putting them off would cost more than they do. */
const short = 0.02

/**
 * Decides for each turn of the event loop whether tasks run in it, and for how long. Requests come first: tasks have the turns in
 * which no request was waiting, and a share of the time besides, so that they never starve.
 */
export class TurnBudget {
  readonly #settings: AfterwordSettings
  /** When the turn began, until when tasks may begin in it, and until when one that yields goes on, by `performance.now()`. */
  turnBegan = 0
  beginUntil = 0
  goOnUntil = 0
  /** How long the longest task of the last slice took, in ms. */
  longest = 0
  #turnEnded = 0
  #events = 0
  #credit = 0
  #skipped = 0
  #quiet = false

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  /** A turn begins: whether tasks may run in it, or it is left to requests. */
  begin(): boolean {
    const { turnBudget, taskShare } = this.#settings
    const now = (this.turnBegan = performance.now())
    const gap = now - this.#turnEnded
    this.#credit = Math.min(mostCredit, this.#credit + gap * taskShare)
    this.#quiet = gap < quietGap || this.#events === eventsHandled()
    if (this.#quiet || this.#credit >= turnBudget || this.#skipped === mostSkipped) {
      this.#skipped = 0
      this.beginUntil = this.goOnUntil = now + turnBudget
      return true
    }
    this.#skipped++
    if (this.longest >= short) return false
    this.beginUntil = now + short
    this.goOnUntil = now + turnBudget
    return true
  }

  /** The turn is over, and tasks are left for the next one. */
  end(now: number): void {
    if (!this.#quiet) this.#credit = Math.max(-mostCredit, this.#credit - (now - this.turnBegan))
    this.#turnEnded = now
    this.#events = eventsHandled()
  }
}

/**
 * How many events libuv has handled: as long as it stays the same, no request has come
 * (https://nodejs.org/api/perf_hooks.html#performancenodetiminguvmetricsinfo). Other runtimes don't tell.
 */
function eventsHandled(): number {
  return (performance as Loop).nodeTiming?.uvMetricsInfo?.events ?? Number.NaN
}
type Loop = Omit<typeof performance, 'nodeTiming'> & {
  readonly nodeTiming?: { readonly uvMetricsInfo?: { readonly events: number } }
}
