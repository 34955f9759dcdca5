import { clock } from '../clock.ts'
import type { Task } from '../task/task.ts'
import { ByName } from './by-name.ts'
import type { Completion } from './completion.ts'
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

/** Counts that grow. */
class Tally {
  unsent = 0
  backlog = 0
  running = 0
  retrying = 0
  delayed = 0
  /** The moment from which on the oldest task of the backlog has been due. */
  since = Infinity
}

/** Counts the unfinished tasks of an instance. The numbers are kept up to date, but for the age. */
export function tally({ backlog, completion }: Scheduler): TaskCounts {
  const { waiting, unsent, postponed, running, internal, dueSince } = backlog
  const { retrying } = completion
  return {
    unsent,
    backlog: waiting - internal.waiting - unsent - postponed,
    running: running - internal.running,
    retrying,
    delayed: postponed - retrying,
    oldestAge: ageOf(dueSince),
  }
}

/** Counts the unfinished tasks of an instance by name, one by one: nothing is counted by name while nobody asks. */
export function tallyByName({ backlog, completion, current }: Scheduler): NamedTaskCounts[] {
  const byName = new ByName((name) => ({ name, tally: new Tally() }))
  const add = (task: Task) => {
    // The items of a batch are counted, and not the run that they share.
    if (task.definition.internal) return
    const { tally } = byName.of(task.countedAs)
    const state = task.state === 'running' ? 'running' : waitOf(task, completion)
    tally[state]++
    if (state === 'backlog') tally.since = Math.min(tally.since, task.dueSince ?? task.scope.since)
  }
  for (const task of backlog.tasks()) add(task)
  const { task } = current
  // The task that asks stands in no list before its first `await`.
  if (task?.state === 'running' && !task.scope.tracked?.has(task)) add(task)
  return byName.all.map(({ name, tally: { since, ...counts } }) => ({ name, ...counts, oldestAge: ageOf(since) }))
}

function waitOf(task: Task, completion: Completion): 'unsent' | 'backlog' | 'retrying' | 'delayed' {
  if (task.dueSince === Infinity) return completion.isRetrying(task) ? 'retrying' : 'delayed'
  return task.scope.state === 'open' ? 'unsent' : 'backlog'
}

function ageOf(since: number): number {
  return since === Infinity ? 0 : Math.max(0, clock.now() - since)
}
