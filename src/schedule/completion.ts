import { AfterwordError } from '../errors.ts'
import { channels, report } from '../events.ts'
import { type CancelReason, errorOf, isTrouble, type Outcome } from '../task/outcome.ts'
import { retryDelay } from '../task/retry.ts'
import type { Task } from '../task/task.ts'
import type { Backlog } from './backlog.ts'

/** What comes after an attempt: the task is tried again later, or has its outcome. */
export class Completion {
  /** How many wait for what is left. */
  drains = 0
  readonly #backlog: Backlog
  readonly #retries = new Map<Task, NodeJS.Timeout>()
  #ending = false
  #leaving = false

  constructor(backlog: Backlog) {
    this.#backlog = backlog
  }

  /** Somebody waits for what is left: retries are tried at once. */
  get draining(): boolean {
    return this.drains > 0
  }

  /** An attempt is over. @returns whether that is the task's outcome */
  complete(task: Task, outcome: Outcome): boolean {
    const delay = isTrouble(outcome) ? delayOf(task, outcome) : undefined
    if (delay === undefined || delay > task.scope.timeLeft) {
      this.#end(task, outcome)
      return true
    }
    task.record?.retry(task.attempt, delay)
    const channel = channels['task:retrying']
    if (channel.hasSubscribers) task.inContext(() => channel.publish({ task, outcome, delay }))
    if (task.record?.isClaim || (this.#ending && task.record?.isAccepted)) this.unload(task)
    else this.#retryLater(task, this.draining ? 0 : delay)
    return false
  }

  cancel(task: Task, reason: CancelReason): void {
    this.#stopWaiting(task)
    this.#end(task, { status: 'cancelled', reason })
  }

  /** Tries at once what waits for its retry. */
  retryNow(): void {
    for (const task of [...this.#retries.keys()]) this.#retry(task)
  }

  /** The process or the instance ends: what is stored and waits for its retry is left to the next one, and costs no attempt. */
  set ending(ending: boolean) {
    this.#ending = ending
    this.#leaving = false
    if (!ending) return
    for (const task of [...this.#retries.keys()]) if (task.record?.isAccepted) this.unload(task)
  }

  /** Nothing that is stored begins any more: what came of it could not be stored. */
  get leaving(): boolean {
    return this.#leaving
  }

  /** What is stored and has not begun is left to the next process. */
  leave(): void {
    this.#leaving = true
    for (const task of [...this.#backlog.tasks()])
      if (task.record?.isAccepted && task.state === 'waiting') this.unload(task)
  }

  /** It leaves this process's memory; its record waits for a later time, or another process. */
  unload(task: Task): void {
    this.#stopWaiting(task)
    this.#leave(task, { status: 'cancelled', reason: 'kept' })
  }

  /** The scope moves on meanwhile; the new attempt stands at the end of its lane. */
  #retryLater(task: Task, delay: number): void {
    task.state = 'waiting'
    this.#backlog.retry()
    task.scope.track(task)
    this.#retries.set(
      task,
      setTimeout(() => this.#retry(task), delay),
    )
  }

  #retry(task: Task): void {
    this.#stopWaiting(task)
    task.scope.push(task)
  }

  #stopWaiting(task: Task): void {
    clearTimeout(this.#retries.get(task))
    this.#retries.delete(task)
  }

  #end(task: Task, outcome: Outcome): void {
    task.record?.finish(outcome, task.attempt)
    this.#leave(task, outcome)
  }

  #leave(task: Task, outcome: Outcome): void {
    this.#backlog.end(task, outcome)
    task.state = 'ended'
    const channel = channels['task:ended']
    if (channel.hasSubscribers) task.inContext(() => channel.publish({ task, outcome }))
    const { internal, batchBuffer: gathering } = task.settings
    const trouble = internal || gathering !== undefined ? undefined : errorOf(task, outcome)
    task.end(outcome)
    task.scope.leave(task)
    if (trouble !== undefined) report(trouble, task)
  }
}

/** How long to wait before the next attempt, in ms; `undefined` for none. */
function delayOf(task: Task, outcome: Outcome): number | undefined {
  const { retries, backoff } = task.settings
  try {
    return retryDelay(task.attempt, retries, backoff, outcome.status === 'failed' ? outcome.error : undefined)
  } catch (cause) {
    report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['backoff'], { cause }), task)
    return undefined
  }
}
