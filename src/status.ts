import type { SlowTask } from './schedule/slow-tasks.ts'

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
  readonly cancelled: number
  /** The tasks that kept the event loop busy for longest, each with where it was deferred. */
  readonly slowest: readonly SlowTask[]
  /** The names of the jobs that are paused: in this process, or with a journal in all of them. */
  readonly paused: readonly string[]
}
