import { Fifo } from '../fifo.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import type { Scope } from '../task/scope.ts'

/** The number of intervals that `maxWait` is divided into: a wait is known to that part of it. */
const intervals = 32
/** The ring has more of them, so that also a wait beyond `maxWait` is told from the waits after it. */
const ringSize = 2 * intervals
/** The number of tasks over which the mean of their time is taken. */
const recent = 1024

/**
 * The ready scopes wait for nothing but the thread: this is the queue in which they take turns. They are counted by the interval in which
 * they became ready, which tells for how long the oldest has waited without a reading of the clock for each.
 */
export class ReadyScopes {
  readonly #settings: AfterwordSettings
  readonly #queue = new Fifo<Scope>()
  /** The tasks of responses that may leave; these tasks become ready when their response was sent. */
  coming = 0
  /** The number of ready scopes, and of their tasks. */
  #count = 0
  #tasks = 0
  /** The time in ms in which ready scopes could run. It stands still while none is ready, or all places of `concurrency` are taken. */
  #clock = 0
  #runs = false
  /** The last reading of the clock of the machine. */
  #read = 0
  /** A ring of intervals: the number of scopes that became ready in each, and the time of its beginning by `#clock`. */
  readonly #scopes = new Int32Array(ringSize)
  readonly #begins = new Float64Array(ringSize)
  #oldest = 0
  #newest = 0
  #recentTasks = 1
  #recentTime = 0

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  get empty(): boolean {
    return this.#queue.empty
  }

  /** Puts a scope at the end. After a task that did not wait, its other tasks have been ready for as long as before. */
  push(scope: Scope): void {
    this.#queue.push(scope)
    if (scope.readySince !== undefined) return
    scope.readySince = this.#newest
    scope.readyTasks = scope.unfinished
    this.#scopes[this.#newest]!++
    this.#count++
    this.#tasks += scope.readyTasks
  }

  /** Takes the first scope off the queue, which must have one, for its next task. The scope counts as ready until it is removed. */
  shift(): Scope {
    const scope = this.#queue.shift() as Scope
    scope.readyTasks--
    this.#tasks--
    this.#recentTasks++
    return scope
  }

  /** A scope has nothing to run, or waits for something else. */
  remove(scope: Scope): void {
    if (scope.readySince === undefined) return
    this.#scopes[scope.readySince]!--
    this.#count--
    this.#tasks -= scope.readyTasks
    scope.readySince = undefined
  }

  /** A slice is over: its tasks took so many ms together. */
  ran(took: number): void {
    this.#recentTime += took
    if (this.#recentTasks < recent) return
    this.#recentTasks /= 2
    this.#recentTime /= 2
  }

  /** Tells the time, at the beginning of a turn and at its end. */
  tell(now: number): void {
    if (this.#runs) this.#clock += now - this.#read
    this.#read = now
    const next = (this.#newest + 1) % ringSize
    if (this.#clock - this.#begins[this.#newest]! >= this.#interval && next !== this.#oldest) {
      this.#newest = next
      this.#begins[next] = this.#clock
    }
    while (this.#oldest !== this.#newest && this.#scopes[this.#oldest] === 0)
      this.#oldest = (this.#oldest + 1) % ringSize
  }

  /** A turn is over. @param left scopes are ready, and may run in the next one */
  end(now: number, left: boolean): void {
    this.tell(now)
    this.#runs = left
  }

  /**
   * The wait as a part of `maxWait`, above 1 where tasks wait too long: the time for which the oldest scope has waited, or that for which
   * a new one will have to, if tasks have the thread to themselves. The latter counts once the oldest scope has waited for an
   * interval: the mean of a few tasks says little.
   */
  get wait(): number {
    if (!this.#runs || this.#count === 0) return 0
    const age = this.#clock - this.#begins[this.#oldest]!
    return Math.max(age, age < this.#interval ? 0 : this.#work) / this.#settings.maxWait
  }

  /**
   * The time in ms until the last task of a new scope has its turn. The scope waits for all tasks that are there already and, since scopes
   * take turns, for some of those that come: for as many again where scopes have many tasks, for none where each has one.
   */
  get #work(): number {
    const mean = this.#recentTime / this.#recentTasks
    return (2 * (this.#tasks + this.coming) - this.#count) * mean
  }

  get #interval(): number {
    return this.#settings.maxWait / intervals
  }
}
