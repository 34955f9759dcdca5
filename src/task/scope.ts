import { setImmediate } from '../clock.ts'
import { Fifo } from '../fifo.ts'
import type { SentResponse } from '../sent-response.ts'
import type { RunLimiter } from './definition.ts'
import { NamedTasks } from './named-tasks.ts'
import type { JobRecord } from './record.ts'
import type { ScopeRunner } from './scope-runner.ts'
import type { Task } from './task.ts'

/**
 * A scope runs the tasks of one request, or of one piece of work outside any request, in the order in which they were deferred.
 *
 *     open ──► idle ◄──► queued ──► running
 *       sent     defer       turn      │
 *                  ▲───────────────────┘ the task ended
 * Invariant: exactly the `queued` scopes stand in the queue of the scheduler or a limiter, or have set a turn where requests are isolated.
 */
export class Scope {
  /** The scope behind this one in the queue where it stands. */
  next: this | undefined
  /** The neighbours among the scopes with unfinished tasks, by age. */
  older: Scope | undefined
  newer: Scope | undefined
  readonly runner: ScopeRunner
  state: 'open' | 'idle' | 'queued' | 'running' = 'idle'
  admittedBy: RunLimiter | undefined
  /** The response, once it was sent; `undefined` outside a request. */
  sent: SentResponse | undefined
  /** The moment by `performance.now()` at which the response was sent; before that, at which the first unfinished task was deferred. */
  since = 0
  /** The interval in which the scope became ready, and its tasks, as `ReadyScopes` counts them. */
  readySince: number | undefined
  readyTasks = 0
  /** The tasks that wait for their turn, in order. */
  readonly queue = new Fifo<Task>()
  /** The tasks that stand in no queue: they wait for the response, a promise or a retry. */
  tracked: Set<Task> | undefined
  #named: NamedTasks | undefined
  /** The number of tasks that have no outcome yet. */
  unfinished = 0

  constructor(runner: ScopeRunner) {
    this.runner = runner
  }

  /** The response as it would be if this process ended now. */
  get response(): SentResponse | undefined {
    return this.sent
  }

  /** The time in ms that the host still gives to tasks. */
  get timeLeft(): number {
    return Infinity
  }

  /** Adds a task, which runs when the tasks before it have ended, and hands its record to the journal. */
  add(task: Task): void {
    this.accept(task)
    const { name } = task.definition.settings
    const earlier = name === undefined ? undefined : (this.#named ??= new NamedTasks()).replace(name, task)
    if (earlier !== undefined) this.runner.cancel(earlier, 'replaced')
    this.added(task)
    this.push(task)
    task.record?.submit((why) => this.runner.cancel(task, why))
  }

  /** Adds a task that runs outside the queue and the limits: now, or the moment the response was sent. */
  addBeside(task: Task, when: 'now' | 'sent'): void {
    this.accept(task)
    this.track(task)
    if (when === 'now') this.runner.start(task)
    else setImmediate(() => this.runner.start(task))
  }

  /** Puts a task, also one that is to be tried again, at the end of the queue. */
  push(task: Task): void {
    this.tracked?.delete(task)
    this.queue.push(task)
    if (this.state === 'idle') this.resume()
  }

  /** Keeps sight of a task that stands in no queue. */
  track(task: Task): void {
    ;(this.tracked ??= new Set()).add(task)
  }

  /** Stands in the scheduler's queue again if there is more to run. */
  resume(): void {
    const { first } = this.queue
    // A record that is not stored yet may never be, and the process could end before it is.
    const ready = first?.state === 'waiting' ? first.record?.ready : undefined
    this.state = first === undefined || ready !== undefined ? 'idle' : 'queued'
    if (this.state === 'queued') return this.runner.enqueue(this)
    void ready?.then(() => void (this.state === 'idle' && this.resume()))
  }

  /** Forgets a task that has its outcome. */
  remove(task: Task): void {
    this.tracked?.delete(task)
    this.#named?.delete(task)
    if (--this.unfinished > 0) return
    this.runner.forget(this)
    this.settle()
  }

  /** Counts a task in. @throws AfterwordError `AFTERWORD_CLOSED`, `AFTERWORD_OVERLOADED` */
  protected accept(task: Task): void {
    this.runner.admit(task)
    if (this.unfinished++ > 0) return
    this.runner.watch(this)
    this.opened()
  }

  // The scope of a request does more at these moments; calls of `super` would cost more.
  expect(_record: JobRecord): void {}
  refused(): void {}
  protected opened(): void {}
  protected added(_task: Task): void {}
  protected settle(): void {}
}
