import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { Task } from '../task/task.ts'

/**
 * A task that kept the event loop busy.
 *
 * @example
 * for (const { name, worst, place } of instance().status().slowest) console.log(name, worst, place)
 */
export interface SlowTask {
  readonly name: string
  /** The place where the task was deferred: a line of a stack trace; `undefined` if that is not known. */
  readonly place: string | undefined
  /** The longest time, in ms. */
  readonly worst: number
  /** The number of times that the task took longer than `slowTask`. */
  readonly count: number
}

/** The number of first tasks whose place is noted; then one in `notedEach`: a stack trace costs as much as dozens of tasks. */
const firstNoted = 100
const notedEach = 1024
/** The most frames between the caller and this module. */
const mostFrames = 8
/** The most places, and the most slow tasks, that are remembered. */
const mostKnown = 1000
/** The number of slow tasks that `worst` lists. */
const mostTold = 5

/** Reports tasks that keep the event loop busy, with the place where they were deferred. */
export class SlowTasks {
  /** The places by the source of a task: the text of a function tells one closure from another. */
  readonly #places = new Map<string, string>()
  readonly #slow = new Map<string, SlowTask>()
  #left = firstNoted
  #calls = 0

  /** Notes where a task is deferred, now and then. */
  sample(task: Task): void {
    if (this.#left > 0) this.#left--
    else if (++this.#calls % notedEach !== 0) return
    const { source } = task
    if (this.#places.size >= mostKnown && !this.#places.has(source)) return
    const place = callerPlace()
    if (place !== undefined) this.#places.set(source, place)
  }

  /** A task kept the event loop busy for so many ms. */
  add(task: Task, ms: number): void {
    const { source } = task
    const place = this.#places.get(source)
    // The task will be slow again: its place is wanted.
    if (place === undefined) this.#left = firstNoted
    const known = this.#slow.get(source)
    if (known !== undefined || this.#slow.size < mostKnown) {
      const { worst = 0, count = 0 } = known ?? {}
      this.#slow.set(source, { name: task.name, place, worst: Math.max(worst, ms), count: count + 1 })
    }
    const where = place === undefined ? 'a place that was not noted' : place
    report(new AfterwordError('AFTERWORD_SLOW_TASK', [task.title, Math.round(ms), where]), task)
  }

  /** The slowest tasks. */
  get worst(): SlowTask[] {
    return [...this.#slow.values()].sort((a, b) => b.worst - a.worst).slice(0, mostTold)
  }
}

/** Finds the innermost line of the stack that is not in this package. In a bundle there is none. */
function callerPlace(): string | undefined {
  const own = /^file:.*\/(?=schedule\/slow-tasks\.[jt]s$)/.exec(import.meta.url)?.[0]
  if (own === undefined) return undefined
  const { pathname } = new URL(own)
  const { stackTraceLimit, prepareStackTrace } = Error
  Error.stackTraceLimit = mostFrames
  // Call sites are read as objects unless positions are mapped: the text of the whole stack would cost several times as much.
  const maps = prepareStackTrace !== undefined || process.sourceMapsEnabled
  if (!maps) Error.prepareStackTrace = (_error, sites) => sites.map((site) => `at ${site}`).join('\n')
  const { stack = '' } = new Error()
  Error.stackTraceLimit = stackTraceLimit
  Error.prepareStackTrace = prepareStackTrace
  const line = stack.split('\n').find((line) => /^\s*at /.test(line) && !line.includes(pathname))
  return line?.replace(/^\s*at /, '')
}
