import { AsyncResource } from 'node:async_hooks'
import { clearTimeout, clock } from './clock.ts'
import { isolatesRequests } from './platform.ts'
import { setTimer } from './timers.ts'

/** The most reports of one kind that are printed within `interval` ms. */
const most = 5
const interval = 10_000
/** The most kinds that are told apart at a time. */
const mostKinds = 1000

interface Kind {
  readonly since: number
  printed: number
  leftOut: number
}

/** The timer belongs to no request. */
const context = new AsyncResource('AfterwordReports')

/** The limit keeps trouble of one kind from filling the log, and tells how much was left out. */
export class ReportLimit {
  readonly #print: (line: string) => void
  readonly #kinds = new Map<string, Kind>()
  #timer: NodeJS.Timeout | undefined
  #tellsAtExit = false
  readonly #tellNow = () => this.#tellAll()

  /** @param print prints how many reports were left out */
  constructor(print: (line: string) => void) {
    this.#print = print
  }

  /** A report of a kind may be printed; else it is counted. @param kind the code, and the name of the task */
  admits(kind: string): boolean {
    const now = clock.now()
    const known = this.#kinds.get(kind)
    if (known !== undefined && now - known.since < interval) {
      if (known.printed < most) {
        known.printed++
        return true
      }
      known.leftOut++
      this.#tellLater()
      return false
    }
    this.#tell(kind)
    if (this.#kinds.size >= mostKinds) this.#tellAll()
    this.#kinds.set(kind, { since: now, printed: 1, leftOut: 0 })
    return true
  }

  /** Tells now how many reports were left out, and never again. */
  close(): void {
    this.#tellAll()
    if (this.#tellsAtExit) process.removeListener('exit', this.#tellNow)
    this.#tellsAtExit = false
  }

  #tellLater(): void {
    // Where requests are isolated, no timer outlives one: the next report of the kind tells.
    if (isolatesRequests) return
    this.#timer ??= context.runInAsyncScope(setTimer, undefined, this.#tellNow, interval).unref()
    if (this.#tellsAtExit) return
    this.#tellsAtExit = true
    process.once('exit', this.#tellNow)
  }

  #tellAll(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const kind of [...this.#kinds.keys()]) this.#tell(kind)
  }

  #tell(kind: string): void {
    const { leftOut = 0 } = this.#kinds.get(kind) ?? {}
    this.#kinds.delete(kind)
    if (leftOut > 0) this.#print(`${kind}: ${leftOut} more of these were left out.`)
  }
}
