import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { type BatchOptions, type TaskSettings, validateTask } from '../options/task-options.ts'
import { isolatesRequests } from '../platform.ts'
import { root } from '../schedule/backlog.ts'
import { isWanted } from '../schedule/run.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import { isTrouble, type Outcome } from '../task/outcome.ts'
import { Scope } from '../task/scope.ts'
import { type Deferred, Task } from '../task/task.ts'

/** One run for the items of many responses. */
export interface Batch<T> {
  readonly name: string
  /** Adds an item after the response; outside a request, on the next turn. Its outcome is that of the run which it is part of. */
  defer(item: T): Deferred<void>
}

/** Returned or thrown by the handler of a batch: these items failed, the others are done. */
export class BatchError<T = unknown> extends Error {
  override readonly name = 'BatchError'
  readonly items: readonly T[]

  constructor(items: readonly T[], options?: ErrorOptions) {
    super(`${items.length} items of a batch failed`, options)
    this.items = items
  }
}

export type BatchHandler<T> = (items: T[]) => unknown

/**
 * Where the items of a batch wait for each other. Each is a task, whose turn brings it here; a run is another task, in a scope
 * of its own, and gives those of its items their outcomes.
 */
export class BatchBuffer {
  readonly #name: string
  readonly #handler: BatchHandler<never>
  readonly #scheduler: Scheduler
  readonly #size: number
  readonly #within: number
  readonly #runSettings: TaskSettings
  #tasks: Task[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(name: string, handler: BatchHandler<never>, scheduler: Scheduler, options: Required<BatchOptions>) {
    this.#name = name
    this.#handler = handler
    this.#scheduler = scheduler
    this.#size = options.size
    this.#within = options.within
    this.#runSettings = { ...validateTask('batch', { timeout: options.timeout }, name), internal: true }
    scheduler.batchBuffers.add(this)
  }

  /** Adds the task of an item, whose turn it is. */
  add(task: Task): void {
    if (!isWanted(task)) return this.#scheduler.completion.cancel(task, 'when')
    task.scope.track(task)
    this.#tasks.push(task)
    // Where requests are isolated, they can't be gathered.
    if (this.#tasks.length >= this.#size || isolatesRequests) return this.flush()
    const wait = this.#scheduler.completion.draining ? 0 : this.#within
    this.#timer ??= root.runInAsyncScope(setTimeout, undefined, this.flush, wait)
  }

  /** Runs what is there. */
  readonly flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const tasks = this.#tasks
    this.#tasks = []
    // In nobody's context: the items have one each.
    if (tasks.length > 0) root.runInAsyncScope(() => this.#run(tasks))
  }

  #run(tasks: readonly Task[]): void {
    let begun: Task[] = []
    const handle = () => {
      begun = tasks.filter(({ state }) => state === 'waiting')
      for (const task of begun) this.#scheduler.begin(task)
      return begun.length === 0 ? undefined : this.#handler(begun.map(({ args }) => args[0] as never))
    }
    const scope = new Scope(this.#scheduler)
    const run = new Task(scope, this.#runSettings, handle, [])
    void run.outcome.then((outcome) => this.#settle(begun, outcome))
    scope.add(run)
  }

  #settle(tasks: readonly Task[], outcome: Outcome): void {
    const trouble = troubleOf(outcome)
    const failed = trouble === undefined ? new Set() : failedOf(tasks, trouble)
    for (const task of tasks) {
      this.#scheduler.completion.complete(
        task,
        trouble !== undefined && failed.has(task) ? trouble : { status: 'done', value: undefined },
      )
    }
    // One report for all of them; those that are tried again have no outcome yet.
    const lost = tasks.filter((task) => failed.has(task) && task.state === 'ended')
    if (lost.length === 0) return
    const cause = trouble?.status === 'failed' ? trouble.error : trouble
    report(new AfterwordError('AFTERWORD_BATCH_FAILED', [this.#name, lost.length, tasks.length], { cause }))
  }
}

/** A handler may return its `BatchError` as well as throw it. */
function troubleOf(outcome: Outcome): Outcome | undefined {
  if (isTrouble(outcome)) return outcome
  const { value } = outcome as { value?: unknown }
  return value instanceof BatchError ? { status: 'failed', error: value } : undefined
}

/** Those whose items the error names; all where it names none of them. */
function failedOf(tasks: readonly Task[], trouble: Outcome): Set<Task> {
  const error = trouble.status === 'failed' ? trouble.error : undefined
  const items = error instanceof BatchError ? new Set(error.items) : undefined
  const named = tasks.filter(({ args }) => items?.has(args[0]))
  return new Set(named.length > 0 ? named : tasks)
}
