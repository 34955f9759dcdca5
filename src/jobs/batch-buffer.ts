import { clearTimeout } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { lostThis } from '../lost-this.ts'
import type { BatchOptions } from '../options/batch-options.ts'
import { validateTask } from '../options/task-options.ts'
import { isolatesRequests } from '../platform.ts'
import { rootContext } from '../schedule/current.ts'
import { isWanted } from '../schedule/run.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import { type TaskBuffer, TaskDefinition } from '../task/definition.ts'
import { isTrouble, type Outcome } from '../task/outcome.ts'
import { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'
import { BatchError, type BatchHandler } from './batch.ts'
import type { Worker } from './worker.ts'

/**
 * The buffer of a batch holds items that wait for each other. Each item is a task, which comes here in its turn; a run is another task,
 * in a scope of its own, and gives its items their outcomes.
 */
export class BatchBuffer implements TaskBuffer {
  readonly runsTasks = true
  readonly #name: string
  readonly #handler: BatchHandler<never>
  readonly #scheduler: Scheduler
  readonly #worker: Worker
  readonly #size: number
  readonly #within: number
  readonly #runs: TaskDefinition
  #tasks: Task[] = []
  /** The number of these that the worker has claimed. */
  #claims = 0
  #timer: NodeJS.Timeout | undefined

  constructor(
    name: string,
    handler: BatchHandler<never>,
    scheduler: Scheduler,
    worker: Worker,
    options: Required<BatchOptions>,
  ) {
    this.#name = name
    this.#handler = handler
    this.#scheduler = scheduler
    this.#worker = worker
    this.#size = options.size
    this.#within = options.within
    this.#runs = new TaskDefinition(validateTask('batch', { timeout: options.timeout }), name, { internal: true })
  }

  add(task: Task): true {
    this.#add(task)
    return true
  }

  #add(task: Task): void {
    if (!isWanted(task)) return void this.#scheduler.completion.cancel(task, 'when')
    task.scope.track(task)
    task.postpone()
    this.#tasks.push(task)
    this.#scheduler.buffers.add(this)
    if (task.record?.isClaim) this.#claims++
    // Isolated requests can't share a run. Where the items are all that the worker may claim, no more come.
    const isFull = this.#tasks.length >= this.#size || (this.#claims > 0 && this.#claims >= this.#worker.concurrency)
    if (isFull || isolatesRequests) return this.flush()
    const wait = this.#scheduler.lifecycle.hasDrains ? 0 : this.#within
    this.#timer ??= rootContext.runInAsyncScope(setTimer, undefined, this.flush, wait)
  }

  /** Runs the items that are there. */
  readonly flush = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    // Items of a batch that was paused meanwhile come here again after the pause.
    const tasks = this.#tasks.filter((task) => task.state !== 'waiting' || !task.definition.pause?.holds(task))
    for (const task of tasks) task.makeDue()
    this.#tasks = []
    this.#claims = 0
    this.#scheduler.buffers.delete(this)
    if (tasks.length === 0) return
    const started = tasks.flatMap(({ state, record }) => (state === 'waiting' && record?.markStarted()) || [])
    // Each item has an async context of its own; the run has none.
    const run = () => rootContext.runInAsyncScope(() => this.#run(tasks))
    if (started.length === 0) run()
    else void Promise.all(started).then(run)
  }

  #run(tasks: readonly Task[]): void {
    let begun: Task[] = []
    const handler = this.#handler
    const { backlog } = this.#scheduler
    const handle = () => {
      begun = tasks.filter(({ state }) => state === 'waiting')
      for (const task of begun) {
        backlog.begin(task)
        backlog.meter?.begins(task)
      }
      return begun.length === 0 ? undefined : handler(begun.map(({ args }) => args[0] as never))
    }
    const scope = new Scope(this.#scheduler)
    const run = new Task(scope, this.#runs, handle, [])
    void run.outcome.then((outcome) => this.#complete(begun, outcome))
    scope.add(run)
  }

  #complete(tasks: readonly Task[], outcome: Outcome): void {
    const trouble = troubleOf(outcome)
    const failed = trouble === undefined ? new Set() : failedOf(tasks, trouble)
    let lost = 0
    let first: (Pick<Task, 'context'> & { readonly task: Task }) | undefined
    for (const task of tasks) {
      const own: Outcome = trouble !== undefined && failed.has(task) ? trouble : { status: 'done', value: undefined }
      const { context } = task
      const isOver = this.#scheduler.completion.complete(task, own)
      if (!isOver || own !== trouble) continue
      lost++
      first ??= { task, context }
    }
    // The batch makes one report for all of them, as that of the first; items that are tried again have no outcome yet.
    if (first === undefined) return
    const cause = trouble?.status === 'failed' ? trouble.error : trouble
    const hint = lostThis(this.#handler, cause)
    const error = new AfterwordError('AFTERWORD_BATCH_FAILED', [this.#name, lost, tasks.length, hint], { cause })
    report(error, first.task, first.context)
  }
}

/** A handler may return its `BatchError` as well as throw it. */
function troubleOf(outcome: Outcome): Outcome | undefined {
  if (isTrouble(outcome)) return outcome
  const { value } = outcome as { value?: unknown }
  return isBatchError(value) ? { status: 'failed', error: value } : undefined
}

/** The tasks whose items the error names; all tasks where the error names none of them. */
function failedOf(tasks: readonly Task[], trouble: Outcome): Set<Task> {
  const error = trouble.status === 'failed' ? trouble.error : undefined
  const items = isBatchError(error) ? new Set(error.items) : undefined
  const named = tasks.filter(({ args }) => items?.has(args[0]))
  return new Set(named.length > 0 ? named : tasks)
}

/** Handlers throw and return what they like: a proxy may throw when it is asked for its class. */
function isBatchError(value: unknown): value is BatchError {
  try {
    return value instanceof BatchError
  } catch {
    return false
  }
}
