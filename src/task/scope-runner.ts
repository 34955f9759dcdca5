import type { CancelReason } from './outcome.ts'
import type { Recorder } from './recording.ts'
import type { RequestScope } from './request-scope.ts'
import type { Scope } from './scope.ts'
import type { Task } from './task.ts'

/** A runner is what a scope asks to run its tasks: the scheduler. */
export interface ScopeRunner {
  /** The instance has a journal. */
  readonly keeps: boolean
  /** Accepts a task, which from now on ends in an outcome. @throws AfterwordError `AFTERWORD_CLOSED`, `AFTERWORD_OVERLOADED` */
  admit(task: Task): void
  /** The scope has its first unfinished task. */
  watch(scope: Scope): void
  /** The scope has no unfinished task any more. */
  forget(scope: Scope): void
  /** The scope has a task to run when its turn comes. */
  enqueue(scope: Scope): void
  /** Runs a task at once, outside the turns and the limits. */
  start(task: Task): void
  /** Cancels a task. @returns false if the task has begun */
  cancel(task: Task, reason: CancelReason): boolean
  /** Resolves when the task that runs now may go on. */
  yield(): Promise<void>
  /** Resolves when the backlog has room for the tasks of a response that its handler has ended; `undefined`: it has. */
  roomFor(scope: RequestScope): Promise<void> | undefined
  /** The response was sent: the scope is to be released when nothing can delay the client any more. */
  releaseLater(scope: RequestScope): void
  /** The response was sent, or is given up: the tasks of the scope are due. */
  released(scope: RequestScope): void
  readonly backlog: {
    /** The number of responses that wait until their records are stored. */
    heldForRecords: number
    /** Measures the attempts; `undefined` while nobody reads. */
    readonly meter: { begins(task: Task): void } | undefined
    /** A task that waits can't begin before something else has happened. */
    postpone(task: Task): void
    /** The task could begin from now on. */
    resume(task: Task): void
  }
  readonly current: {
    /** The hooks around each run; `undefined` while there are none. */
    readonly hooks: { call(task: Task): unknown } | undefined
    /** Records scopes; `undefined` while nobody looks. */
    readonly recorder: Recorder | undefined
    /** Calls a function as code of the request of a scope. Throws what the function throws. */
    enterRequest<A extends unknown[], R>(scope: RequestScope, fn: (...args: A) => R, self: unknown, args: A): R
  }
}
