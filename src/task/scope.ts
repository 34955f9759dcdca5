import { Fifo } from '../fifo.ts'
import type { Limiter } from '../schedule/limiter.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import type { CancelReason, Outcome } from './outcome.ts'
import type { JobRecord } from './record.ts'
import type { Host, ScopeResponse, SentResponse } from './response.ts'
import type { Task } from './task.ts'

/** With less of the host's time than this, in ms, no task begins. */
const least = 1

/**
 * The tasks of one request, or of one piece of work outside any request.
 *
 *     open ──► idle ◄──► lined ──► running
 *       sent     defer       turn    │
 *                  ▲─────────────────┘ the task ended
 *
 * Invariant: exactly the scopes in state `lined` stand in the scheduler's lane or in that of a job's limit, or, where requests are
 * isolated, have set a turn.
 */
export class Scope {
  /** The scope behind this one in the lane where it stands. */
  next: Scope | undefined
  /** Its neighbours among the scopes with unfinished tasks. */
  older: Scope | undefined
  newer: Scope | undefined
  readonly scheduler: Scheduler
  state: 'open' | 'idle' | 'lined' | 'running'
  /** The limit that has let this scope pass. */
  admittedBy: Limiter | undefined
  sent: SentResponse | undefined
  readonly host: Host | undefined
  /** The response has ended, and was let go. */
  released = false
  /** Tasks that have not begun, while it was not. */
  notDue = 0
  /** When the first of its unfinished tasks was deferred, by `performance.now()`. */
  since = 0

  #response: ScopeResponse | undefined
  #asked = false
  #unfinished = 0
  readonly #tasks = new Fifo<Task>()
  /** Tasks that stand in no lane and have no outcome yet: they wait for the response, a promise or a retry. */
  #tracked: Set<Task> | undefined
  #atSent: Task[] | undefined
  #named: Map<string, Task> | undefined
  /** Records that its response has to wait for. */
  #records: JobRecord[] | undefined
  /** The tasks whose outcomes `finish` tells. */
  #finishing: Task[] | undefined
  #settled: PromiseWithResolvers<void> | undefined

  constructor(scheduler: Scheduler, response?: ScopeResponse) {
    this.scheduler = scheduler
    this.#response = response
    this.host = response?.host
    this.state = response === undefined ? 'idle' : 'open'
  }

  /** What the adapter gave; `undefined` outside a request and once the response was sent. */
  get response(): ScopeResponse | undefined {
    return this.#response
  }

  /** Adds a task at the end: it runs when the response was sent and the tasks before it have ended. */
  add(task: Task): void {
    this.#accept(task)
    const { name } = task.settings
    if (name !== undefined) {
      this.#named ??= new Map()
      const earlier = this.#named.get(name)
      if (earlier !== undefined) this.cancel(earlier, 'replaced')
      this.#named.set(name, task)
    }
    this.#finishing?.push(task)
    if (task.record !== undefined) this.expect(task.record)
    this.push(task)
  }

  /** The response leaves when the record is accepted. */
  expect(record: JobRecord): void {
    if (this.state !== 'open') return
    ;(this.#records ??= []).push(record)
    this.#askWhenSent()
  }

  /** Adds a task that runs the moment the response was sent, ahead of every lane and outside the limits. */
  addAtSent(task: Task): void {
    this.#accept(task)
    this.track(task)
    if (this.state !== 'open') setImmediate(() => this.scheduler.start(task))
    else (this.#atSent ??= []).push(task)
  }

  /** Adds a task that begins now. */
  addBegun(task: Task): void {
    this.#accept(task)
    this.track(task)
    this.scheduler.start(task)
  }

  /** Puts a task, also one that is to be tried again, at the end of the lane. */
  push(task: Task): void {
    this.#tracked?.delete(task)
    this.#tasks.push(task)
    if (this.state === 'idle') this.resume()
  }

  /** Keeps sight of a task that stands in no lane. */
  track(task: Task): void {
    this.#tracked ??= new Set()
    this.#tracked.add(task)
  }

  /** The next task to run. */
  take(): Task | undefined {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) {
      if (task.state !== 'waiting') continue
      if (task.record !== undefined && this.scheduler.completion.leaving) {
        this.scheduler.completion.unload(task)
        continue
      }
      if (this.timeLeft > least) return task
      this.cancel(task, 'host')
    }
    return undefined
  }

  /** The task that was taken last can't run yet. */
  putBack(task: Task): void {
    this.#tasks.unshift(task)
  }

  /**
   * What the response has to wait for when its handler has ended it; `undefined` if it may leave at once. Rejects if a record can't be
   * stored: then the response must not tell of a success.
   */
  beforeEnd(): Promise<unknown> | undefined {
    if (this.state !== 'open' || this.released) return undefined
    const stored = this.beforeBytes()
    const room = this.#room()
    return stored === undefined || room === undefined ? (stored ?? room) : Promise.all([stored, room])
  }

  /** What the next bytes of the response have to wait for, as `held` does; it asks for no room, and the response does not leave. */
  beforeBytes(): Promise<unknown> | undefined {
    if (this.state !== 'open') return undefined
    const waits: Promise<unknown>[] = []
    for (const record of this.#records ?? []) if (!record.isAccepted) waits.push(record.accepted)
    this.#records = undefined
    return waits.length > 1 ? Promise.all(waits) : waits[0]
  }

  /** Resolves when there is room for its tasks; `undefined` if there is. */
  #room(): Promise<void> | undefined {
    const { backlog, settings } = this.scheduler
    if (this.notDue > 0 && backlog.full && settings.overload !== 'reject') {
      return settings.overload === 'hold' ? backlog.room(this) : this.#runBefore()
    }
    backlog.makeDue(this)
    return undefined
  }

  async #runBefore(): Promise<void> {
    const { backlog } = this.scheduler
    backlog.before++
    // The response is about to be delivered, as far as anybody can know.
    const sent = this.#response?.describe()
    this.sent = sent && { ...sent, delivered: true }
    await this.scheduler.runAll(this)
    backlog.makeDue(this)
  }

  /** For how many ms the host still lets tasks run. */
  get timeLeft(): number {
    const deadline = this.host?.deadline
    return deadline === undefined ? Infinity : Math.max(0, deadline - performance.now())
  }

  /** Stands in the scheduler's lane again if there is more to run. */
  resume(): void {
    const { record, state } = this.#tasks.first ?? {}
    // What is not stored yet may never be, and its process could end before it is.
    const waits = record !== undefined && state === 'waiting' && !record.isAccepted
    this.state = this.#tasks.empty || waits ? 'idle' : 'lined'
    if (this.state === 'lined') return this.scheduler.enqueue(this)
    if (!waits) return
    const goOn = () => void (this.state === 'idle' && this.resume())
    record.accepted.then(goOn, goOn)
  }

  /** A task has its outcome. */
  leave(task: Task): void {
    this.#tracked?.delete(task)
    const { name } = task.settings
    if (name !== undefined && this.#named?.get(name) === task) this.#named.delete(name)
    if (--this.#unfinished > 0) return
    this.scheduler.backlog.forget(this)
    this.#settle()
  }

  /** False if the task has begun. */
  cancel(task: Task, reason: CancelReason): boolean {
    if (task.state !== 'waiting') return false
    this.scheduler.completion.cancel(task, reason)
    return true
  }

  /** Skips what is waiting in the lane. */
  stop(): void {
    for (const task of this.#tasks) this.cancel(task, 'stopped')
  }

  /** Every task without an outcome. */
  *unfinished(): Iterable<Task> {
    if (this.#tracked !== undefined) yield* this.#tracked
    for (const task of this.#tasks) if (task.state === 'waiting') yield task
  }

  /** The response was sent, or is given up: its tasks may run. */
  release(): void {
    if (this.state !== 'open') return
    this.#response = undefined
    this.state = 'idle'
    if (this.#unfinished > 0) {
      this.scheduler.backlog.release(this)
      if (this.host?.before) this.scheduler.backlog.before++
    }
    for (const task of this.#atSent ?? []) this.scheduler.start(task)
    this.#atSent = undefined
    this.resume()
    this.#settle()
  }

  /** Ends the response, and resolves when no task is left: with the outcomes of those in the lane, in the order of `defer`. */
  async finish(): Promise<Outcome[]> {
    this.#response?.end()
    const tasks = (this.#finishing ??= [...this.#tasks])
    this.#askWhenSent()
    await this.settled()
    this.#finishing = undefined
    return Promise.all(tasks.map((task) => task.outcome))
  }

  /** Some of its tasks have no outcome yet. */
  get busy(): boolean {
    return this.#unfinished > 0
  }

  /** Resolves when the response was sent and no task is left. */
  settled(): Promise<void> {
    if (!this.busy && this.state !== 'open') return Promise.resolve()
    this.#settled ??= Promise.withResolvers()
    return this.#settled.promise
  }

  #accept(task: Task): void {
    this.scheduler.accept(task)
    if (this.#unfinished++ === 0) {
      this.since = performance.now()
      this.scheduler.backlog.watch(this)
      this.host?.waitUntil?.(this.settled())
    }
    this.#askWhenSent()
  }

  #askWhenSent(): void {
    if (this.#asked || this.#response === undefined) return
    this.#asked = true
    this.#response.whenSent((sent) => {
      this.sent = sent
      this.scheduler.releaseLater(this)
    })
  }

  #settle(): void {
    if (this.#unfinished > 0 || this.state === 'open') return
    this.#settled?.resolve()
    this.#settled = undefined
  }
}
