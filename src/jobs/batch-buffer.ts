import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { type BatchOptions, validateTask } from '../options/task-options.ts'
import { isolatesRequests } from '../platform.ts'
import { rootContext } from '../schedule/current.ts'
import { isWanted } from '../schedule/run.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import { type TaskBuffer, TaskDefinition } from '../task/definition.ts'
import { isTrouble, type Outcome } from '../task/outcome.ts'
import { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import { BatchError, type BatchHandler } from './batch.ts'

/**
 * The buffer of a batch holds items that wait for each other. Each item is a task, which comes here in its turn; a run is another task,
 * in a scope of its own, and gives its items their outcomes.
 */
export class BatchBuffer implements TaskBuffer {
  readonly #name: string
  readonly #handler: BatchHandler<never>
  readonly #scheduler: Scheduler
  readonly #size: number
  readonly #within: number
  readonly #runs: TaskDefinition
  #tasks: Task[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(name: string, handler: BatchHandler<never>, scheduler: Scheduler, options: Required<BatchOptions>) {
    this.#name = name
    this.#handler = handler
    this.#scheduler = scheduler
    this.#size = options.size
    this.#within = options.within
    this.#runs = new TaskDefinition(validateTask('batch', { timeout: options.timeout }), name, { internal: true })
    scheduler.buffers.add(this)
  }

  add(task: Task): void {
    if (!isWanted(task)) return void this.#scheduler.completion.cancel(task, 'when')
    task.scope.track(task)
    this.#tasks.push(task)
    // Isolated requests can't share a run.
    if (this.#tasks.length >= this.#size || isolatesRequests) return this.flush()
    const wait = this.#scheduler.lifecycle.hasDrains ? 0 : this.#within
    this.#timer ??= rootContext.runInAsyncScope(setTimeout, undefined, this.flush, wait)
  }

  /** Runs the items that are there. */
  readonly flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const tasks = this.#tasks
    this.#tasks = []
    // Each item has an async context of its own; the run has none.
    if (tasks.length > 0) rootContext.runInAsyncScope(() => this.#run(tasks))
  }

  #run(tasks: readonly Task[]): void {
    let begun: Task[] = []
    const handle = () => {
      begun = tasks.filter(({ state }) => state === 'waiting')
      for (const task of begun) this.#scheduler.backlog.begin(task)
      return begun.length === 0 ? undefined : this.#handler(begun.map(({ args }) => args[0] as never))
    }
    const scope = new Scope(this.#scheduler)
    const run = new Task(scope, this.#runs, handle, [])
    void run.outcome.then((outcome) => this.#complete(begun, outcome))
    scope.add(run)
  }

  #complete(tasks: readonly Task[], outcome: Outcome): void {
    const trouble = troubleOf(outcome)
    const failed = trouble === undefined ? new Set() : failedOf(tasks, trouble)
    for (const task of tasks) {
      const own: Outcome = trouble !== undefined && failed.has(task) ? trouble : { status: 'done', value: undefined }
      this.#scheduler.completion.complete(task, own)
    }
    // The batch makes one report for all of them; items that are tried again have no outcome yet.
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

/** The tasks whose items the error names; all tasks where the error names none of them. */
function failedOf(tasks: readonly Task[], trouble: Outcome): Set<Task> {
  const error = trouble.status === 'failed' ? trouble.error : undefined
  const items = error instanceof BatchError ? new Set(error.items) : undefined
  const named = tasks.filter(({ args }) => items?.has(args[0]))
  return new Set(named.length > 0 ? named : tasks)
}
