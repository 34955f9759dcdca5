import { clock } from './clock.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { SlowTask } from './schedule/slow-tasks.ts'
import type { Journal } from './task/record.ts'

/**
 * The status of an instance, which is cheap to ask for.
 *
 * @example
 * const { backlog, running, failed } = instance().status()
 */
export interface Status {
  /** Requests that have deferred something and whose response was not sent yet. */
  readonly inFlight: number
  /** Tasks that have not begun, or wait for their retry. */
  readonly backlog: number
  /** Tasks that have begun and have not ended. */
  readonly running: number
  /** The time in ms for which the oldest scope has had an unfinished task; 0 if there is none. */
  readonly oldestAge: number
  /** Responses that wait until there is room in the backlog. */
  readonly held: number
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
  /** The names of the jobs that are paused: in this process, or with a journal in all of them. */
  readonly paused: readonly string[]
  /** Calls of jobs on their way to the engine; 0 without one. Behind a journal, others may wait on the disk. */
  readonly sending: number
  /** The time in ms since the engine was found away; 0 while it answers, and without an engine. */
  readonly engineAway: number
}

/** The part of the jobs that the status tells. */
interface JobsStatus {
  readonly journal: Journal | undefined
  readonly pausedJobs: string[]
}

/** Makes the status of an instance. */
export function statusOf({ backlog, slowTasks }: Scheduler, { journal, pausedJobs: paused }: JobsStatus): Status {
  const { open, waiting, running, oldest, held, before, ended } = backlog
  const oldestAge = oldest === undefined ? 0 : clock.now() - oldest
  const slowest = slowTasks.worst
  const { sending = 0, awaySince } = journal ?? {}
  const engineAway = awaySince === undefined ? 0 : clock.now() - awaySince
  const numbers = { inFlight: open, backlog: waiting, running, oldestAge, held, before, ...ended }
  return { ...numbers, slowest, paused, sending, engineAway }
}
