import type { SentResponse } from '../sent-response.ts'
import type { RunLimiter } from './definition.ts'
import type { CancelReason } from './outcome.ts'
import type { JobRecord } from './record.ts'
import type { Task } from './task.ts'
import { TaskList } from './task-list.ts'

/**
 * A scope runs the tasks of one request, or of one piece of work outside any request, in the order in which they were deferred.
 *
 *     open ──► idle ◄──► queued ──► running
 *       sent     defer       turn      │
 *                  ▲───────────────────┘ the task ended
 *
 * Invariant: exactly the scopes in state `queued` stand in the scheduler's queue or in that of a limiter, or, where requests are
 * isolated, have set a turn.
 */
export class Scope extends TaskList {
  /** The scope behind this one in the queue where it stands. */
  next: this | undefined
  admittedBy: RunLimiter | undefined
  /** The response, once it was sent; `undefined` outside a request. */
  sent: SentResponse | undefined

  /** The time in ms that the host still gives to tasks. */
  get timeLeft(): number {
    return Infinity
  }

  /** Adds a task at the end, and hands its record to the journal. The task runs when the tasks before it have ended. */
  add(task: Task): void {
    this.accept(task)
    const { record } = task
    const { name } = task.definition.settings
    const namesake = name === undefined ? undefined : this.takeName(name, task)
    // The last task of a name wins.
    if (namesake !== undefined) this.cancel(namesake, 'replaced')
    if (record !== undefined) this.expect(record)
    this.push(task)
    record?.submit((why) => this.cancel(task, why))
  }

  /** Adds a task that begins now, outside the limits. */
  addBegun(task: Task): void {
    this.accept(task)
    this.track(task)
    this.runner.start(task)
  }

  /** Adds a task that runs the moment the response was sent, ahead of every queue and outside the limits. */
  addAtSent(task: Task): void {
    this.accept(task)
    this.track(task)
    setImmediate(() => this.runner.start(task))
  }

  /** Makes the response wait for a record; there is none to wait here. */
  expect(_record: JobRecord): void {}

  /** Puts a task, also one that is to be tried again, at the end of the queue. */
  override push(task: Task): void {
    super.push(task)
    if (this.state === 'idle') this.resume()
  }

  /** Takes the next task off the queue. */
  override shift(): Task | undefined {
    let task = super.shift()
    while (task !== undefined && task.state !== 'waiting') task = super.shift()
    return task
  }

  /** Stands in the scheduler's queue again if there is more to run. */
  resume(): void {
    const { record, state } = this.first ?? {}
    // A record that is not stored yet may never be, and the process could end before it is.
    const waits = record !== undefined && state === 'waiting' && !record.isAccepted
    this.state = this.empty || waits ? 'idle' : 'queued'
    if (this.state === 'queued') return this.runner.enqueue(this)
    if (!waits) return
    const goOn = () => void (this.state === 'idle' && this.resume())
    record.accepted.then(goOn, goOn)
  }

  /** Cancels a task. @returns false if it has begun */
  cancel(task: Task, reason: CancelReason): boolean {
    if (task.state !== 'waiting') return false
    this.runner.cancel(task, reason)
    return true
  }

  /** Skips the tasks in the queue. */
  stop(): void {
    for (const task of this) this.cancel(task, 'stopped')
  }
}
