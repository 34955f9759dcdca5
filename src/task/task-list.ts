import { Fifo } from '../fifo.ts'
import type { ScopeRunner } from './scope-runner.ts'
import type { Task } from './task.ts'

/** A task list holds the tasks of a scope that have no outcome yet: those in its queue, and those that wait elsewhere. */
export abstract class TaskList extends Fifo<Task> {
  /** The neighbours among the lists with unfinished tasks, by age. */
  older: TaskList | undefined
  newer: TaskList | undefined
  readonly runner: ScopeRunner
  /** The state of the scope, see there. */
  state: 'open' | 'idle' | 'queued' | 'running' = 'idle'
  /** The moment at which the oldest unfinished task was deferred, by `performance.now()`. */
  since = 0

  #unfinished = 0
  /** Tasks that stand in no queue: they wait for the response, a promise or a retry. */
  #tracked: Set<Task> | undefined
  #named: Map<string, Task> | undefined
  #settled: PromiseWithResolvers<void> | undefined

  constructor(runner: ScopeRunner) {
    super()
    this.runner = runner
  }

  /** Some tasks have no outcome yet. */
  get busy(): boolean {
    return this.#unfinished > 0
  }

  /** Every task without an outcome. */
  *unfinished(): Iterable<Task> {
    if (this.#tracked !== undefined) yield* this.#tracked
    for (const task of this) if (task.state === 'waiting') yield task
  }

  /** Resolves when the response was sent and no task is left. */
  settled(): Promise<void> {
    if (!this.busy && this.state !== 'open') return Promise.resolve()
    this.#settled ??= Promise.withResolvers()
    return this.#settled.promise
  }

  /** Keeps sight of a task that stands in no queue. */
  track(task: Task): void {
    this.#tracked ??= new Set()
    this.#tracked.add(task)
  }

  override push(task: Task): void {
    this.#tracked?.delete(task)
    super.push(task)
  }

  /** Forgets a task that has its outcome. */
  remove(task: Task): void {
    this.#tracked?.delete(task)
    const { name } = task.definition.settings
    if (name !== undefined && this.#named?.get(name) === task) this.#named.delete(name)
    if (--this.#unfinished > 0) return
    this.runner.forget(this)
    this.settle()
  }

  /** Counts a task in. @throws AfterwordError `AFTERWORD_CLOSED`, `AFTERWORD_OVERLOADED` */
  protected accept(task: Task): void {
    this.runner.admit(task)
    if (this.#unfinished++ > 0) return
    this.since = performance.now()
    this.runner.watch(this)
  }

  /** Makes a task the one of its name. @returns the task that had the name before */
  protected takeName(name: string, task: Task): Task | undefined {
    this.#named ??= new Map()
    const earlier = this.#named.get(name)
    this.#named.set(name, task)
    return earlier
  }

  /** Tells those who wait for the end, if this is the end. */
  protected settle(): void {
    if (this.busy || this.state === 'open') return
    this.#settled?.resolve()
    this.#settled = undefined
  }
}
