import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import type { Task } from '../task/task.ts'
import { knownPlace, placeOf } from './defer-places.ts'

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
  /** The longest time, in ms of the thread's CPU time. */
  readonly worst: number
  /** The number of times that the task took longer than `slowTask`. */
  readonly count: number
}

/** The most slow tasks that are remembered. */
const mostKnown = 1000
/** The number of slow tasks that `worst` lists. */
const mostTold = 5
/** The time in ms within which the CPU time is read once: a reading costs as much as some tasks. */
const precision = 2

/** Reports tasks that keep the event loop busy, with the place where they were deferred. A task that had to wait for a busy machine is not slow. */
export class SlowTasks {
  readonly #settings: AfterwordSettings
  readonly #slow = new Map<string, SlowTask>()
  /** The last reading of the CPU time, and its moment by `performance.now()`. */
  #cpu: number | undefined
  #readAt = -Infinity

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  /** A task begins. @returns `now` */
  begins(now: number): number {
    if (now - this.#readAt < precision) return now
    this.#cpu = cpuTime()
    this.#readAt = now
    return now
  }

  /** A task kept the thread from `began` to `now`, by `performance.now()`. */
  add(task: Task, began: number, now: number): void {
    const cpu = cpuTime()
    // The code between the last reading and the task has used no more than that time.
    const used = cpu === undefined || this.#cpu === undefined ? Infinity : cpu - this.#cpu - (began - this.#readAt)
    const ms = Math.min(used, now - began)
    if (ms <= this.#settings.slowTask) return
    const { source } = task
    const place = knownPlace(task)
    const known = this.#slow.get(source)
    if (known !== undefined || this.#slow.size < mostKnown) {
      const { worst = 0, count = 0 } = known ?? {}
      this.#slow.set(source, { name: task.name, place, worst: Math.max(worst, ms), count: count + 1 })
    }
    report(new AfterwordError('AFTERWORD_SLOW_TASK', [task.title, Math.round(ms), placeOf(task)]), task)
  }

  /** The slowest tasks. */
  get worst(): SlowTask[] {
    return [...this.#slow.values()].sort((a, b) => b.worst - a.worst).slice(0, mostTold)
  }
}

/** Reads the CPU time of the thread, in ms; before Node 23.9 that of the process, whose other threads seldom compute. Workers have neither. */
function cpuTime(): number | undefined {
  const usage = isolatesRequests ? undefined : (process.threadCpuUsage?.() ?? process.cpuUsage())
  return usage && (usage.user + usage.system) / 1000
}
