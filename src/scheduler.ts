import { AsyncLocalStorage } from 'node:async_hooks'
import { Backlog, root } from './backlog.ts'
import type { Gathering } from './batch.ts'
import { AfterwordError } from './errors.ts'
import { isolatesRequests } from './isolation.ts'
import { Lane } from './lane.ts'
import type { AfterwordSettings } from './options.ts'
import { isTrouble, type Outcome } from './outcome.ts'
import { Pace } from './pace.ts'
import type { Journal } from './record.ts'
import { run } from './run.ts'
import type { Scope } from './scope.ts'
import { Settlement } from './settlement.ts'
import { SlowLog } from './slow-log.ts'
import { StrayWatch } from './stray.ts'
import { Task } from './task.ts'

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
  readonly settlement: Settlement
  readonly stray = new StrayWatch()
  readonly slow = new SlowLog()
  /** Where records are kept, if anywhere. */
  journal: Journal | undefined
  /** What a drain does not wait for to become full. */
  readonly gatherings = new Set<Gathering>()
  /** Settings change only while it is `new`; `closed`, it accepts no task. */
  state: 'new' | 'started' | 'closed' = 'new'

  readonly #pace: Pace
  readonly #lane = new Lane<Scope>()
  /** Tasks that have called `yield()`. They have their places already. */
  readonly #yielded = new Lane<Yielded>()
  #yieldedNext = false
  /** The last reading of the clock, by `performance.now()`. */
  #now = 0
  /** Scopes whose response was sent since the last turn, and before it. */
  #sent = new Lane<Scope>()
  #sentBefore = new Lane<Scope>()
  /** Scopes whose task waits for a promise, of which `concurrency` are allowed. */
  #busy = 0
  #turnSet = false
  /** Of tasks that are not kept. */
  readonly #keys = new Map<string, Task>()

  constructor(settings: AfterwordSettings) {
    this.settings = settings
    this.backlog = new Backlog(settings)
    this.settlement = new Settlement(this.backlog)
    this.#pace = new Pace(settings)
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
  line(scope: Scope): void {
    if (isolatesRequests) return void setImmediate(this.#stepAlone, scope)
    this.#lane.push(scope)
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
    if (outcome instanceof Promise) void outcome.then((outcome) => this.settlement.settle(task, outcome))
    else this.settlement.settle(task, outcome)
  }

  /** Runs the tasks of a scope at once, one after another, outside the lanes and whatever the places. */
  async runAll(scope: Scope): Promise<void> {
    for (let task = scope.take(); task !== undefined; task = scope.take()) {
      const { gathering, limit } = task.settings
      scope.keep(task)
      if (gathering !== undefined) {
        gathering.add(task)
        continue
      }
      await limit?.entered()
      if (task.state === 'waiting') {
        this.#now = performance.now()
        this.#conclude(scope, task, await this.#attempt(task))
      }
      limit?.leave()
    }
  }

  /** Resolves at once while the slice of the task that runs lasts, else when it is the task's turn again. */
  yield(): Promise<void> {
    if (isolatesRequests) return new Promise((resolve) => void setImmediate(resolve))
    if (performance.now() < this.#pace.goOnUntil) return Promise.resolve()
    return new Promise((resolve) => {
      this.#yielded.push({ resolve, next: undefined })
      this.#wake()
    })
  }

  /** Resolves when no task is left, or after `timeout` ms. Tasks that wait for a retry are tried at once. */
  async drain(timeout: number): Promise<DrainReport> {
    const before = { ...this.backlog.ended }
    this.settlement.drains++
    this.settlement.retryNow()
    for (const gathering of this.gatherings) gathering.flush()
    await this.backlog.emptied(timeout)
    this.settlement.drains--
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

  get #laneRuns(): boolean {
    return !this.#lane.empty && this.#busy < this.settings.concurrency
  }

  #wake(): void {
    if (this.#turnSet) return
    if (!this.#laneRuns && this.#yielded.empty && this.#sent.empty && this.#sentBefore.empty) return
    this.#turnSet = true
    root.runInAsyncScope(setImmediate, undefined, this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnSet = false
    this.#release()
    if (this.#laneRuns || !this.#yielded.empty) {
      const allowed = this.#pace.begin()
      this.#now = this.#pace.turnBegan
      if (allowed) this.#slice()
      if (this.#laneRuns || !this.#yielded.empty) this.#pace.end(this.#now)
    }
    this.#wake()
  }

  #slice(): void {
    // Those that have yielded and the lane have slices in turn. A task goes on when this turn is over: one for each slice.
    this.#yieldedNext = !this.#yieldedNext
    if (!this.#yielded.empty && (this.#yieldedNext || !this.#laneRuns)) {
      this.#now = this.#pace.goOnUntil
      return this.#yielded.shift()?.resolve()
    }
    let took = 0
    let longest = 0
    // As long as one more task of the length of the last one fits in.
    do {
      const began = this.#now
      this.#step(this.#lane.shift() as Scope)
      took = this.#now - began
      if (took > longest) longest = took
    } while (this.#laneRuns && this.#now + took < this.#pace.beginUntil)
    this.#pace.longest = longest
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
    const limit = isolatesRequests ? undefined : task?.settings.limit
    const { calledBy } = scope
    if (calledBy !== undefined && calledBy !== limit) {
      scope.calledBy = undefined
      calledBy.call()
    }
    if (task === undefined) return scope.resume()
    const { gathering } = task.settings
    if (gathering !== undefined) {
      gathering.add(task)
      this.#now = performance.now()
      return scope.resume()
    }
    if (limit !== undefined && !limit.enter(scope)) {
      scope.putBack(task)
      this.#now = performance.now()
      return limit.line(scope)
    }
    scope.state = 'running'
    const outcome = this.#attempt(task)
    if (!(outcome instanceof Promise)) return this.#stepped(scope, task, outcome)
    this.#busy++
    scope.keep(task)
    void outcome.then((outcome) => {
      this.#busy--
      this.#stepped(scope, task, outcome)
      this.#wake()
    })
  }

  #stepped(scope: Scope, task: Task, outcome: Outcome): void {
    task.settings.limit?.leave()
    this.#conclude(scope, task, outcome)
    scope.resume()
  }

  #conclude(scope: Scope, task: Task, outcome: Outcome): void {
    const isOver = this.settlement.settle(task, outcome)
    if (this.settings.onError === 'stop' && isOver && isTrouble(outcome)) scope.stop()
  }

  /** Runs one attempt. The clock is read once for each, at its end: the next one begins there. */
  #attempt(task: Task): Outcome | Promise<Outcome> {
    this.begin(task)
    const outcome = run(task)
    const began = this.#now
    this.#now = performance.now()
    if (this.#now - began > this.settings.slowTask) this.slow.add(task, this.#now - began)
    return outcome
  }

  begin(task: Task): void {
    this.backlog.begin(task)
    task.begin()
  }
}
