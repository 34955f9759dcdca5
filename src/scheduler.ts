import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { AfterwordError } from './errors.ts'
import { channels, report } from './events.ts'
import { Lane } from './lane.ts'
import type { AfterwordSettings } from './options.ts'
import { retryDelay } from './retry.ts'
import { run } from './run.ts'
import type { Scope } from './scope.ts'
import { type CancelReason, type Outcome, Task } from './task.ts'

// Turns are set in this context: in that of whoever wakes the scheduler, one request's stores would live on in it.
const root = new AsyncResource('AfterwordScheduler')

/** A task that has no outcome. */
export interface UnfinishedTask {
  readonly id: string
  readonly name: string
  /** It is stored, and runs in a later process. */
  readonly kept: boolean
}

export interface DrainReport {
  /** How many tasks were done, and how many failed or timed out, during the drain. */
  readonly done: number
  readonly failed: number
  readonly left: readonly UnfinishedTask[]
}

/** Decides which scope runs its next task. Scopes take turns, one task each; the tasks of one scope stay in order. */
export class Scheduler {
  /** Where the code that runs now belongs: to a scope while a request is handled, to a task while it runs. */
  readonly storage = new AsyncLocalStorage<Scope | Task>()
  readonly settings: AfterwordSettings
  readonly counters = { done: 0, failed: 0, timedOut: 0, cancelled: 0 }
  /** Settings change only while it is `new`; `closed`, it accepts no task. */
  state: 'new' | 'started' | 'closed' = 'new'
  /** Tasks that have not begun, or wait for their retry. */
  backlog = 0
  /** Tasks that have begun and have not ended. */
  running = 0
  /** Scopes with tasks whose response was not sent yet. */
  open = 0

  readonly #lane = new Lane<Scope>()
  /** Scopes whose task waits for a promise, of which `concurrency` are allowed. */
  #busy = 0
  #turnSet = false
  readonly #unfinished = new Set<Scope>()
  readonly #retries = new Map<Task, NodeJS.Timeout>()
  #draining = 0
  readonly #onEmpty = new Set<() => void>()
  #ageTimer: NodeJS.Timeout | undefined

  constructor(settings: AfterwordSettings) {
    this.settings = settings
  }

  /** The scope that the code that runs now belongs to; `undefined` outside a request. */
  get scope(): Scope | undefined {
    const place = this.storage.getStore()
    return place instanceof Task ? place.scope : place
  }

  get task(): Task | undefined {
    const place = this.storage.getStore()
    return place instanceof Task ? place : undefined
  }

  /** Counts a task in, or throws if it can't be accepted. */
  admit(task: Task): void {
    if (this.state === 'closed') throw new AfterwordError('AFTERWORD_CLOSED', [task.name])
    this.state = 'started'
    if (this.backlog >= this.settings.maxBacklog) throw new AfterwordError('AFTERWORD_OVERLOADED', [this.backlog])
    this.backlog++
    if (channels['task:deferred'].hasSubscribers) channels['task:deferred'].publish({ task })
  }

  /** A scope has its first unfinished task. */
  watch(scope: Scope): void {
    this.#unfinished.add(scope)
    if (scope.state !== 'open') return
    this.open++
    this.#watchAge(this.settings.maxRequestAge)
  }

  /** The response of a scope with unfinished tasks was sent, or is given up. */
  released(): void {
    this.open--
  }

  /** A scope has no unfinished task. */
  forget(scope: Scope): void {
    this.#unfinished.delete(scope)
    if (scope.state === 'open') this.open--
    if (this.#unfinished.size === 0) for (const emptied of this.#onEmpty) emptied()
  }

  /** A scope has a task to run. */
  line(scope: Scope): void {
    this.#lane.push(scope)
    this.#wake()
  }

  /** Runs a task at once, outside the lanes and the limits. */
  start(task: Task): void {
    if (task.state !== 'waiting') return
    const outcome = this.#begin(task)
    if (outcome instanceof Promise) void outcome.then((outcome) => this.#settle(task, outcome))
    else this.#settle(task, outcome)
  }

  cancel(task: Task, reason: CancelReason): void {
    clearTimeout(this.#retries.get(task))
    this.#retries.delete(task)
    this.backlog--
    this.#end(task, { status: 'cancelled', reason })
  }

  *unfinished(): Iterable<Task> {
    for (const scope of this.#unfinished) yield* scope.unfinished()
  }

  /** When the oldest scope that is not finished got its first task, by `performance.now()`. */
  get oldest(): number | undefined {
    return this.#unfinished.values().next().value?.since
  }

  /** Resolves when no task is left, or after `timeout` ms. Tasks that wait for a retry are tried at once. */
  async drain(timeout: number): Promise<DrainReport> {
    const before = { ...this.counters }
    this.#draining++
    for (const task of [...this.#retries.keys()]) this.#retry(task)
    if (this.#unfinished.size > 0) await this.#emptied(timeout)
    this.#draining--
    const { done, failed, timedOut } = this.counters
    return {
      done: done - before.done,
      failed: failed - before.failed + timedOut - before.timedOut,
      left: Array.from(this.unfinished(), ({ id, name }) => ({ id, name, kept: false })),
    }
  }

  #emptied(timeout: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#onEmpty.delete(end)
        resolve()
      }
      const timer = setTimeout(end, timeout)
      this.#onEmpty.add(end)
    })
  }

  #wake(): void {
    if (this.#turnSet || this.#lane.empty || this.#busy >= this.settings.concurrency) return
    this.#turnSet = true
    root.runInAsyncScope(setImmediate, undefined, this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnSet = false
    const end = performance.now() + this.settings.turnBudget
    while (this.#busy < this.settings.concurrency) {
      const scope = this.#lane.shift()
      if (scope === undefined) break
      this.#step(scope)
      if (performance.now() >= end) break
    }
    this.#wake()
  }

  /** Runs the next task of a scope. While that waits for a promise, the scope takes one of the places. */
  #step(scope: Scope): void {
    const task = scope.take()
    if (task === undefined) return scope.resume()
    scope.state = 'running'
    const outcome = this.#begin(task)
    if (!(outcome instanceof Promise)) return this.#stepped(scope, task, outcome)
    this.#busy++
    scope.hold(task)
    void outcome.then((outcome) => {
      this.#busy--
      this.#stepped(scope, task, outcome)
      this.#wake()
    })
  }

  #stepped(scope: Scope, task: Task, outcome: Outcome): void {
    this.#settle(task, outcome)
    if (this.settings.onError === 'stop' && task.state === 'ended' && isTrouble(outcome)) scope.stop()
    scope.resume()
  }

  #begin(task: Task): Outcome | Promise<Outcome> {
    this.backlog--
    this.running++
    task.begin()
    return run(task)
  }

  /** An attempt is over: the task is tried again later, or has its outcome. */
  #settle(task: Task, outcome: Outcome): void {
    this.running--
    if (isTrouble(outcome)) {
      const { retries, backoff } = task.settings
      const delay = retryDelay(task.attempt, retries, backoff, outcome.status === 'failed' ? outcome.error : undefined)
      if (delay !== undefined) return this.#retryLater(task, outcome, this.#draining > 0 ? 0 : delay)
    }
    this.#end(task, outcome)
  }

  /** The scope moves on meanwhile; the new attempt stands at the end of its lane. */
  #retryLater(task: Task, outcome: Outcome, delay: number): void {
    task.state = 'waiting'
    this.backlog++
    task.scope.hold(task)
    this.#retries.set(
      task,
      setTimeout(() => this.#retry(task), delay),
    )
    if (channels['task:retrying'].hasSubscribers) channels['task:retrying'].publish({ task, outcome, delay })
  }

  #retry(task: Task): void {
    clearTimeout(this.#retries.get(task))
    this.#retries.delete(task)
    task.scope.push(task)
  }

  #end(task: Task, outcome: Outcome): void {
    this.counters[counterOf[outcome.status]]++
    task.end(outcome)
    task.scope.leave(task)
    if (channels['task:ended'].hasSubscribers) channels['task:ended'].publish({ task, outcome })
    const trouble = errorOf(task, outcome)
    if (trouble !== undefined) report(trouble, task)
  }

  /** One timer for all scopes: the oldest is the first of the set. */
  #watchAge(delay: number): void {
    this.#ageTimer ??= setTimeout(() => {
      this.#ageTimer = undefined
      for (const scope of this.#unfinished) {
        if (scope.response === undefined) continue
        const left = scope.since + this.settings.maxRequestAge - performance.now()
        if (left > 0) return this.#watchAge(left)
        const sent = scope.response.describe()
        report(new AfterwordError('AFTERWORD_STUCK', [sent.method, sent.path, this.settings.maxRequestAge]))
        scope.release(sent)
      }
    }, Math.ceil(delay)).unref()
  }
}

const counterOf = { done: 'done', failed: 'failed', 'timed-out': 'timedOut', cancelled: 'cancelled' } as const

function isTrouble(outcome: Outcome): boolean {
  return outcome.status === 'failed' || outcome.status === 'timed-out'
}

/** What is reported of an outcome; nothing where all went as the caller asked. */
function errorOf(task: Task, outcome: Outcome): AfterwordError | undefined {
  switch (outcome.status) {
    case 'failed':
      return new AfterwordError('AFTERWORD_TASK_FAILED', [task.title, task.attempt], { cause: outcome.error })
    case 'timed-out':
      return new AfterwordError('AFTERWORD_TASK_TIMED_OUT', [task.title, outcome.after, task.attempt])
    case 'cancelled':
      return outcome.reason === 'stopped' ? new AfterwordError('AFTERWORD_TASK_SKIPPED', [task.title]) : undefined
    case 'done':
      return undefined
  }
}
