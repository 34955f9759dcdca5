import type { TaskSettings } from '../options/task-options.ts'
import type { Task } from './task.ts'

/** A limiter bounds how many runs of a job go on at once, and how many begin within a time. */
export interface RunLimiter {
  /** Begins a run, if there is room for one and nothing else waits longer. */
  tryAcquire(waiting: WaitingRun): boolean
  /** Puts a run in the queue until there is room: then the limiter admits it. */
  wait(waiting: WaitingRun): void
  /** Ends a run. @param retries all that wait try again */
  release(retries?: boolean): void
  /** Has all try again that wait, in their order. */
  retry(): void
  /** The rate lets no run begin now, whatever ends. */
  readonly isSpent: boolean
  /** Admits the next run that waits, if there is room. */
  admit(): void
  /** The number of runs that could begin now, besides those that wait. */
  readonly room: number
  /** Calls `call` once, when no run waits and there is room. */
  whenRoom(call: () => void): void
}

/** A scope, or a single task, whose next run waits for a limiter. */
export interface WaitingRun {
  next: this | undefined
  /** The limiter that has admitted this run: the room that there is now belongs to the run. */
  admittedBy: RunLimiter | undefined
  resume(): void
}

/** A buffer holds tasks whose turn has come: for others of their batch, for those before them, or for their last caller. */
export interface TaskBuffer {
  /** The buffer makes the runs of its tasks, gives them their outcomes, and reports those. */
  readonly runsTasks: boolean
  /** @returns false if the task need not wait */
  add(task: Task): boolean
  /** Lets the tasks go that would only wait for time. */
  flush(): void
}

/** A pause of a job holds the tasks whose turn has come. */
export interface TaskPause {
  /** Keeps a task until the pause is over. @returns false while there is none */
  holds(task: Task): boolean
}

interface DefinitionParts {
  readonly handler?: ((...args: never[]) => unknown) | undefined
  readonly pause?: TaskPause | undefined
  readonly limiter?: RunLimiter | undefined
  readonly buffer?: TaskBuffer | undefined
  readonly internal?: boolean
}

/** A definition holds what tasks of one kind share. Each `defer.with`, job and batch makes one, not each call. */
export class TaskDefinition {
  readonly settings: TaskSettings
  /** The name of the tasks where their options give none: that of the job or batch. */
  readonly label: string | undefined
  /** The handler as the app gave it: what a task calls may be made of it. */
  readonly handler: ((...args: never[]) => unknown) | undefined
  readonly limiter: RunLimiter | undefined
  readonly buffer: TaskBuffer | undefined
  readonly pause: TaskPause | undefined
  /** Made by the library itself: a full backlog accepts such tasks, and their maker reports their trouble. */
  readonly internal: boolean

  constructor(
    settings: TaskSettings,
    label?: string,
    { handler, limiter, buffer, pause, internal = false }: DefinitionParts = {},
  ) {
    this.settings = settings
    this.label = label
    this.handler = handler
    this.limiter = limiter
    this.buffer = buffer
    this.pause = pause
    this.internal = internal
  }
}
