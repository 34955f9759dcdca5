import { AsyncLocalStorage } from 'node:async_hooks'
import { AfterwordError } from '../errors.ts'
import { Fifo } from '../fifo.ts'
import type { BatchBuffer } from '../jobs/batch.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import { isTrouble, type Outcome } from '../task/outcome.ts'
import type { Journal } from '../task/record.ts'
import type { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import { Backlog, root } from './backlog.ts'
import { Completion } from './completion.ts'
import { MissingAdapterWatch } from './missing-adapter.ts'
import { run } from './run.ts'
import { SlowTasks } from './slow-tasks.ts'
import { TurnBudget } from './turn-budget.ts'

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

/** A task that goes on when its turn comes. */
interface Yielded {
  readonly resolve: () => void
  next: Yielded | undefined
}

/** Decides which scope runs its next task. Scopes take turns, one task each; the tasks of one scope stay in order. */
export class Scheduler {
  /** Where the code that runs now belongs: to a scope while a request is handled, to a task while it runs. */
  readonly storage = new AsyncLocalStorage<Scope | Task>()
  readonly settings: AfterwordSettings
  readonly backlog: Backlog
  readonly completion: Completion
  readonly missingAdapter = new MissingAdapterWatch()
  readonly slowTasks = new SlowTasks()
  /** Where records are kept, if anywhere. */
  journal: Journal | undefined
  /** What a drain does not wait for to become full. */
  readonly batchBuffers = new Set<BatchBuffer>()
  /** Settings change only while it is `new`; `closed`, it accepts no task. */
  state: 'new' | 'started' | 'closed' = 'new'

  readonly #turnBudget: TurnBudget
  readonly #queued = new Fifo<Scope>()
  /** Tasks that have called `yield()`. They have their places already. */
  readonly #yielded = new Fifo<Yielded>()
  #yieldedNext = false
  /** The last reading of the clock, by `performance.now()`. */
  #now = 0
  /** Scopes whose response was sent since the last turn, and before it. */
  #sent = new Fifo<Scope>()
  #sentBefore = new Fifo<Scope>()
  /** Scopes whose task waits for a promise, of which `concurrency` are allowed. */
  #busy = 0
  #turnSet = false
  /** Of tasks that are not kept. */
  readonly #keys = new Map<string, Task>()

  constructor(settings: AfterwordSettings) {
    this.settings = settings
    this.backlog = new Backlog(settings)
    this.completion = new Completion(this.backlog)
    this.#turnBudget = new TurnBudget(settings)
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

  /** Accepts a task, which from now on ends in an outcome. @throws AfterwordError `AFTERWORD_CLOSED`, `AFTERWORD_OVERLOADED` */
  accept(task: Task): void {
    if (this.state === 'closed') throw new AfterwordError('AFTERWORD_CLOSED', [task.name])
    this.state = 'started'
    this.backlog.add(task)
  }

  /** A scope has a task to run. */
  enqueue(scope: Scope): void {
    if (isolatesRequests) return void setImmediate(this.#stepAlone, scope)
    this.#queued.push(scope)
    this.#wake()
  }

  /**
   * The response of a scope was sent. Work begun inside that event still delays the client on HTTP/2 and TLS, one
   * `setImmediate` later it never did (docs/sent.md). The turn that is set may be due in this very phase of the event loop:
   * only the one after it is certain to be that far away. Where requests are isolated, each sets its own.
   */
  releaseLater(scope: Scope): void {
    if (isolatesRequests) return void setImmediate(() => scope.release())
    this.#sent.push(scope)
    this.#wake()
  }

  /** Runs a task at once, outside the lanes and the limits. */
  start(task: Task): void {
    if (task.state !== 'waiting') return
    this.#now = performance.now()
    const outcome = this.#attempt(task)
    if (outcome instanceof Promise) void outcome.then((outcome) => this.completion.complete(task, outcome))
    else this.completion.complete(task, outcome)
  }

  /** Runs the tasks of a scope at once, one after another, outside the lanes and whatever the places. */
  async runAll(scope: Scope): Promise<void> {
    for (let task = scope.take(); task !== undefined; task = scope.take()) {
      const { batchBuffer: gathering, limiter: limit } = task.settings
      scope.track(task)
      if (gathering !== undefined) {
        gathering.add(task)
        continue
      }
      await limit?.acquire()
      if (task.state === 'waiting') {
        this.#now = performance.now()
        this.#conclude(scope, task, await this.#attempt(task))
      }
      limit?.release()
    }
  }

  /** Resolves at once while the slice of the task that runs lasts, else when it is the task's turn again. */
  yield(): Promise<void> {
    if (isolatesRequests) return new Promise((resolve) => void setImmediate(resolve))
    if (performance.now() < this.#turnBudget.goOnUntil) return Promise.resolve()
    return new Promise((resolve) => {
      this.#yielded.push({ resolve, next: undefined })
      this.#wake()
    })
  }

  /** Resolves when no task is left, or after `timeout` ms. Tasks that wait for a retry are tried at once. */
  async drain(timeout: number): Promise<DrainReport> {
    const before = { ...this.backlog.ended }
    this.completion.drains++
    this.completion.retryNow()
    for (const gathering of this.batchBuffers) gathering.flush()
    await this.backlog.emptied(timeout)
    this.completion.drains--
    const { done, failed, timedOut } = this.backlog.ended
    return {
      done: done - before.done,
      failed: failed - before.failed + timedOut - before.timedOut,
      left: Array.from(this.backlog.tasks(), ({ id, name, record }) => ({
        id,
        name,
        kept: record?.isAccepted ?? false,
      })),
    }
  }

  /** Makes a task the only one of its job with a key until it has ended. Returns the one that there is already. */
  claimKey(job: string, key: string, task: Task): Task | undefined {
    const name = JSON.stringify([job, key])
    const holder = this.#keys.get(name)
    if (holder !== undefined && holder.state !== 'ended') return holder
    this.#keys.set(name, task)
    void task.outcome.then(() => this.#keys.get(name) === task && this.#keys.delete(name))
    return undefined
  }

  get #queueRuns(): boolean {
    return !this.#queued.empty && this.#busy < this.settings.concurrency
  }

  #wake(): void {
    if (this.#turnSet) return
    if (!this.#queueRuns && this.#yielded.empty && this.#sent.empty && this.#sentBefore.empty) return
    this.#turnSet = true
    root.runInAsyncScope(setImmediate, undefined, this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnSet = false
    this.#release()
    if (this.#queueRuns || !this.#yielded.empty) {
      const allowed = this.#turnBudget.begin()
      this.#now = this.#turnBudget.turnBegan
      if (allowed) this.#slice()
      if (this.#queueRuns || !this.#yielded.empty) this.#turnBudget.end(this.#now)
    }
    this.#wake()
  }

  #slice(): void {
    // Those that have yielded and the lane have slices in turn. A task goes on when this turn is over: one for each slice.
    this.#yieldedNext = !this.#yieldedNext
    if (!this.#yielded.empty && (this.#yieldedNext || !this.#queueRuns)) {
      this.#now = this.#turnBudget.goOnUntil
      return this.#yielded.shift()?.resolve()
    }
    let took = 0
    let longest = 0
    // As long as one more task of the length of the last one fits in.
    do {
      const began = this.#now
      this.#step(this.#queued.shift() as Scope)
      took = this.#now - began
      if (took > longest) longest = took
    } while (this.#queueRuns && this.#now + took < this.#turnBudget.beginUntil)
    this.#turnBudget.longest = longest
  }

  #release(): void {
    const due = this.#sentBefore
    for (let scope = due.shift(); scope !== undefined; scope = due.shift()) scope.release()
    this.#sentBefore = this.#sent
    this.#sent = due
  }

  readonly #stepAlone = (scope: Scope): void => {
    this.#now = performance.now()
    this.#step(scope)
  }

  /** Runs the next task of a scope. While that waits for a promise, the scope takes one of the places. */
  #step(scope: Scope): void {
    const task = scope.take()
    const limit = isolatesRequests ? undefined : task?.settings.limiter
    const { admittedBy: calledBy } = scope
    if (calledBy !== undefined && calledBy !== limit) {
      scope.admittedBy = undefined
      calledBy.admit()
    }
    if (task === undefined) return scope.resume()
    const { batchBuffer: gathering } = task.settings
    if (gathering !== undefined) {
      gathering.add(task)
      this.#now = performance.now()
      return scope.resume()
    }
    if (limit !== undefined && !limit.tryAcquire(scope)) {
      scope.putBack(task)
      this.#now = performance.now()
      return limit.wait(scope)
    }
    scope.state = 'running'
    const outcome = this.#attempt(task)
    if (!(outcome instanceof Promise)) return this.#stepped(scope, task, outcome)
    this.#busy++
    scope.track(task)
    void outcome.then((outcome) => {
      this.#busy--
      this.#stepped(scope, task, outcome)
      this.#wake()
    })
  }

  #stepped(scope: Scope, task: Task, outcome: Outcome): void {
    task.settings.limiter?.release()
    this.#conclude(scope, task, outcome)
    scope.resume()
  }

  #conclude(scope: Scope, task: Task, outcome: Outcome): void {
    const isOver = this.completion.complete(task, outcome)
    if (this.settings.onError === 'stop' && isOver && isTrouble(outcome)) scope.stop()
  }

  /** Runs one attempt. The clock is read once for each, at its end: the next one begins there. */
  #attempt(task: Task): Outcome | Promise<Outcome> {
    this.begin(task)
    const outcome = run(task)
    const began = this.#now
    this.#now = performance.now()
    if (this.#now - began > this.settings.slowTask) this.slowTasks.add(task, this.#now - began)
    return outcome
  }

  begin(task: Task): void {
    this.backlog.begin(task)
    task.begin()
  }
}
