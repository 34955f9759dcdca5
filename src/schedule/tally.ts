import { clock } from '../clock.ts'
import type { Task } from '../task/task.ts'
import { ByName } from './by-name.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * The unfinished tasks by state.
 *
 * @example
 * const { backlog, retrying } = instance().status()
 */
export interface TaskCounts {
  /** Tasks whose response was not sent yet. */
  readonly unsent: number
  /** Tasks that are due: they could begin, and wait for the thread, for a limit of their job, or for the task before them. */
  readonly backlog: number
  /** Tasks that have begun and have not ended. */
  readonly running: number
  /** Tasks that wait for the moment of their next attempt. */
  readonly retrying: number
  /** Tasks that wait for others of their batch, for the quiet of `debounce`, or for the end of a pause. */
  readonly delayed: number
  /** The time in ms for which the oldest task of the backlog has been due; 0 if there is none. */
  readonly oldestAge: number
}

/**
 * The unfinished tasks of one name by state.
 *
 * @example
 * const late = instance().status().tasks.filter(({ oldestAge }) => oldestAge > 60_000)
 */
export interface NamedTaskCounts extends TaskCounts {
  /** The name of the job or batch, or of the function. */
  readonly name: string
}

/** Counts that grow; `since` is the moment from which on the oldest task of the backlog has been due. */
class Tally {
  unsent = 0
  backlog = 0
  running = 0
  retrying = 0
  delayed = 0
  #since = Infinity

  add(task: Task): void {
    if (task.state === 'running') this.running++
    else if (task.dueSince === Infinity) {
      if (task.attempt > 0) this.retrying++
      else this.delayed++
    } else if (task.scope.state === 'open') this.unsent++
    else {
      this.backlog++
      this.#since = Math.min(this.#since, task.dueSince ?? task.scope.since)
    }
  }

  counts(now: number): TaskCounts {
    const { unsent, backlog, running, retrying, delayed } = this
    const oldestAge = backlog === 0 ? 0 : Math.max(0, now - this.#since)
    return { unsent, backlog, running, retrying, delayed, oldestAge }
  }
}

/** Counts the unfinished tasks of an instance, one by one: nothing is counted while nobody asks. */
export function tally({ backlog, current }: Scheduler): TaskCounts & { readonly tasks: readonly NamedTaskCounts[] } {
  const all = new Tally()
  const byName = new ByName((name) => ({ name, tally: new Tally() }))
  const add = (task: Task) => {
    // The items of a batch are counted, and not the run that they share.
    if (task.definition.internal) return
    all.add(task)
    byName.of(task).tally.add(task)
  }
  for (const task of backlog.tasks()) add(task)
  const { task } = current
  // The task that asks stands in no list before its first `await`.
  if (task?.state === 'running' && !task.scope.tracked?.has(task)) add(task)
  const now = clock.now()
  return { ...all.counts(now), tasks: byName.all.map(({ name, tally }) => ({ name, ...tally.counts(now) })) }
}
