import { clock } from './clock.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { SlowTask } from './schedule/slow-tasks.ts'
import { type NamedTaskCounts, type TaskCounts, tally, tallyByName } from './schedule/tally.ts'
import type { Journal } from './task/record.ts'

/**
 * The status of an instance, which is cheap to ask for: what is unfinished in the memory of this process, by state, and outcomes so far.
 *
 * @example
 * const { backlog, oldestAge, running, failed } = instance().status()
 */
export interface Status extends TaskCounts {
  /**
   * The unfinished tasks by name: that of the job or batch, or of the function. At most 500 names are told apart; `(other)` has the rest. The tasks
   * are counted when this property is first read, one by one, which takes some milliseconds where there are 100,000.
   */
  readonly tasks: readonly NamedTaskCounts[]
  /** Requests that have deferred something and whose response was not sent yet. */
  readonly inFlight: number
  /** Responses whose bytes wait: until their records are stored, or until there is room in the backlog. */
  readonly held: number
  /** Held responses that wait until their records are stored, with `sync: 'full'` or an engine. */
  readonly heldForRecords: number
  /** Responses that waited for their tasks, because the host runs nothing after them or `overload` is 'before'. */
  readonly before: number
  /** Outcomes since the start. */
  readonly done: number
  readonly failed: number
  readonly timedOut: number
  /** Without the calls that the journal keeps for another process, or for later: those run. */
  readonly cancelled: number
  /** The tasks that kept the event loop busy for longest, each with where it was deferred. */
  readonly slowest: readonly SlowTask[]
  /** The instance shuts down: it takes no further requests, and finishes what it has. */
  readonly ending: boolean
  /** The names of the jobs that are paused: in this process, or with a journal in all of them. */
  readonly paused: readonly string[]
  /** The time in ms for which the oldest change of a record has waited to be stored; 0 where none waits. Mostly a few ms. */
  readonly journalLag: number
  /** Calls of jobs on their way to the engine; 0 without one. Behind a journal, others may wait on the disk. */
  readonly sending: number
  /** The time in ms for which the oldest call has waited in this process for the engine; 0 while none waits. */
  readonly oldestSending: number
  /** The folder of the journal could be opened; also true without a journal. */
  readonly journalOpen: boolean
  /** The engine has answered, and was not found away since; also true without an engine. */
  readonly engineReached: boolean
  /** The time in ms since the engine was found away; 0 while it answers, and without an engine. */
  readonly engineAway: number
}

/** The part of the jobs that the status tells. */
interface JobsStatus {
  readonly journal: Journal | undefined
  readonly pausedJobs: string[]
}

/** The part of the shutdown that the status tells. */
interface ShutdownStatus {
  readonly isEnding: boolean
}

/** Makes the status of an instance. */
export function statusOf(
  scheduler: Scheduler,
  { journal, pausedJobs: paused }: JobsStatus,
  { isEnding: ending }: ShutdownStatus,
): Status {
  const { open: inFlight, heldForRoom, heldForRecords, before, ended } = scheduler.backlog
  const { sending = 0, oldestSending = 0, awaySince, lag: journalLag = 0 } = journal ?? {}
  const { isOpen: journalOpen = true, isReached: engineReached = true } = journal ?? {}
  const engineAway = awaySince === undefined ? 0 : clock.now() - awaySince
  const ofEngine = { sending, oldestSending, journalOpen, engineReached, engineAway }
  const responses = { inFlight, held: heldForRoom + heldForRecords, heldForRecords, before }
  const slowest = scheduler.slowTasks.worst
  let tasks: readonly NamedTaskCounts[] | undefined
  return {
    ...tally(scheduler),
    get tasks() {
      tasks ??= tallyByName(scheduler)
      return tasks
    },
    ...responses,
    ...ended,
    slowest,
    ending,
    paused,
    journalLag,
    ...ofEngine,
  }
}
