import { clock } from '../clock.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Task } from '../task/task.ts'
import { ByName } from './by-name.ts'
import { type Histogram, Times } from './histogram.ts'

/**
 * The measurements of the tasks of one name, since the first reader of the instance began.
 *
 * @example
 * const { name, run } = measurements
 * console.log(name, run.sum / run.count) // the mean of its runs in ms
 */
export interface TaskMeasurements {
  /** The name of the job or batch, or of the function. */
  readonly name: string
  /** The time from which each attempt could have begun until it began. */
  readonly wait: Histogram
  /** The time of each attempt that has ended. */
  readonly run: Histogram
  /** Attempts that have begun. */
  readonly attempts: number
  /** Attempts that failed, and that another one follows. */
  readonly retries: number
  /** Outcomes. */
  readonly done: number
  readonly failed: number
  readonly timedOut: number
  /** Without the calls that the journal keeps for another process, or for later. */
  readonly cancelled: number
}

interface Measured {
  readonly name: string
  readonly wait: Times
  readonly run: Times
  attempts: number
  retries: number
  done: number
  failed: number
  timedOut: number
  cancelled: number
}

/** The counter of each outcome. */
export const counterOf = { done: 'done', failed: 'failed', 'timed-out': 'timedOut', cancelled: 'cancelled' } as const

/** A meter measures the tasks of an instance. There is none while nobody reads: then a task costs a comparison. */
export class Meter {
  readonly #byName = new ByName<Measured>((name) => ({
    name,
    wait: new Times(),
    run: new Times(),
    attempts: 0,
    retries: 0,
    done: 0,
    failed: 0,
    timedOut: 0,
    cancelled: 0,
  }))
  /** The moments at which the attempts began that go on, by `performance.now()`. */
  readonly #begun = new Map<Task, number>()

  /** The function of an attempt is about to be called: an attempt whose `when` says no is none. */
  begins(task: Task): void {
    if (task.definition.internal) return
    const now = clock.now()
    const measured = this.#byName.of(task.countedAs)
    measured.attempts++
    measured.wait.add(Math.max(0, now - (task.dueSince ?? task.scope.since)))
    this.#begun.set(task, now)
  }

  /** An attempt has ended. */
  ends(task: Task): void {
    const began = this.#begun.get(task)
    // The attempt may have begun before the meter.
    if (began === undefined) return
    this.#begun.delete(task)
    this.#byName.of(task.countedAs).run.add(clock.now() - began)
  }

  /** An attempt that has ended is followed by another one. */
  retries(task: Task): void {
    this.#byName.of(task.countedAs).retries++
  }

  /** A task has its outcome. */
  outcome(task: Task, outcome: Outcome): void {
    if (task.definition.internal || (outcome.status === 'cancelled' && outcome.reason === 'kept')) return
    this.#byName.of(task.countedAs)[counterOf[outcome.status]]++
  }

  /** The measurements so far, by name. */
  get measurements(): TaskMeasurements[] {
    return this.#byName.all.map((measured) => ({ ...measured, wait: measured.wait.copy, run: measured.run.copy }))
  }
}
