import { clock, setImmediate } from '../clock.ts'
import { Fifo } from '../fifo.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import type { TaskBuffer, WaitingRun } from '../task/definition.ts'
import { type CancelReason, isTrouble, type Outcome } from '../task/outcome.ts'
import type { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import type { ScopeRunner } from '../task/scope-runner.ts'
import type { Task } from '../task/task.ts'
import { Backlog } from './backlog.ts'
import { Completion } from './completion.ts'
import { Current, rootContext } from './current.ts'
import { MissingAdapterWatch } from './missing-adapter.ts'
import { Places } from './places.ts'
import { ReadyScopes } from './ready-scopes.ts'
import { run } from './run.ts'
import { SlowTasks } from './slow-tasks.ts'
import { TurnBudget } from './turn-budget.ts'
import { YieldedTasks } from './yielded-tasks.ts'

/** The time of the host, in ms, that a task needs at least to begin. */
const leastTimeLeft = 1

/** A step of a scope: its queue is empty, a task has left the queue, a task waits for a promise, or the scope waits for a limiter. */
type Step = 'empty' | 'done' | 'running' | 'limited'

/** The scheduler decides which scope runs its next task. Scopes take turns, one task each; the tasks of one scope stay in order. */
export class Scheduler implements ScopeRunner {
  readonly current = new Current()
  readonly settings: AfterwordSettings
  readonly lifecycle: Lifecycle
  readonly backlog: Backlog
  readonly completion: Completion
  readonly missingAdapter = new MissingAdapterWatch()
  readonly slowTasks: SlowTasks
  /** The buffers of batches with items in them: a drain does not wait for them to become full. */
  readonly buffers = new Set<TaskBuffer>()

  readonly #turnBudget: TurnBudget
  readonly #ready: ReadyScopes
  readonly #yielded = new YieldedTasks()
  #yieldedNext = false
  /** The last reading of the clock, by `performance.now()`. */
  #now = 0
  /** Scopes whose response was sent since the last turn, and before it. */
  #sent = new Fifo<Scope>()
  #sentBefore = new Fifo<Scope>()
  readonly #places: Places
  #turnSet = false

  constructor(settings: AfterwordSettings, lifecycle: Lifecycle) {
    this.settings = settings
    this.lifecycle = lifecycle
    this.#ready = new ReadyScopes(settings)
    this.backlog = new Backlog(settings, this.#ready)
    this.completion = new Completion(this.backlog, this.current, lifecycle)
    this.#turnBudget = new TurnBudget(settings)
    this.slowTasks = new SlowTasks(settings)
    this.#places = new Places(settings, this.backlog, () => !this.#ready.empty)
  }

  get keeps(): boolean {
    return this.settings.journal !== undefined || this.settings.engine !== undefined
  }

  admit(task: Task): void {
    this.lifecycle.requireOpen(task.name)
    this.lifecycle.use()
    this.backlog.add(task)
  }

  watch(scope: Scope): void {
    this.backlog.watch(scope)
  }

  forget(scope: Scope): void {
    this.backlog.forget(scope)
  }

  cancel(task: Task, reason: CancelReason): boolean {
    if (reason === 'refused') task.scope.refused()
    return this.completion.cancel(task, reason)
  }

  enqueue(scope: Scope): void {
    if (isolatesRequests) return void setImmediate(this.#stepAlone, scope)
    this.#ready.push(scope)
    this.#wake()
  }

  /**
   * Releases a scope one `setImmediate` after the event that its response was sent: work begun inside that event still delays the client
   * on HTTP/2 and TLS (docs/sent.md). The turn that is set may be due in this very phase of the event loop: only the turn after it is
   * certain to be that far away. Where requests are isolated, each sets its own turn.
   */
  releaseLater(scope: RequestScope): void {
    if (isolatesRequests) return void setImmediate(() => scope.release())
    this.#sent.push(scope)
    this.#wake()
  }

  released(scope: RequestScope): void {
    this.backlog.release(scope)
    if (scope.busy && scope.host?.before) this.backlog.before++
  }

  roomFor(scope: RequestScope): Promise<void> | undefined {
    const { overload } = this.settings
    if (scope.notDue > 0 && this.backlog.full && overload !== 'reject') {
      return overload === 'hold' ? this.backlog.room(scope) : this.#runBefore(scope)
    }
    this.backlog.makeDue(scope)
    return undefined
  }

  start(task: Task): void {
    if (task.state !== 'waiting') return
    this.#now = task.dueSince = clock.now()
    const outcome = this.#attempt(task)
    if (outcome instanceof Promise) void outcome.then((outcome) => this.completion.complete(task, outcome))
    else this.completion.complete(task, outcome)
  }

  /** Resolves at once while the slice of the task that runs lasts, else when the task has its next turn. */
  yield(): Promise<void> {
    if (isolatesRequests) return new Promise((resolve) => void setImmediate(resolve))
    if (clock.now() < this.#turnBudget.goOnUntil) return Promise.resolve()
    const turn = this.#yielded.add()
    this.#wake()
    return turn
  }

  get #queueRuns(): boolean {
    return !this.#ready.empty && this.#places.areLeft
  }

  #wake(): void {
    if (this.#turnSet) return
    if (!this.#queueRuns && this.#yielded.empty && this.#sent.empty && this.#sentBefore.empty) return
    this.#turnSet = true
    rootContext.runInAsyncScope(setImmediate, undefined, this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnSet = false
    this.#releaseSent()
    if (this.#queueRuns || !this.#yielded.empty) {
      this.#now = clock.now()
      this.#ready.tell(this.#now)
      if (this.#turnBudget.begin(this.#now, this.#ready.wait)) this.#slice()
      if (this.#queueRuns || !this.#yielded.empty) this.#turnBudget.end(this.#now)
      this.#ready.end(this.#now, this.#queueRuns)
      this.backlog.letGo()
    }
    this.#wake()
  }

  #slice(): void {
    // Tasks that have yielded and the queue have slices in turn. A task goes on when this turn is over: one for each slice.
    this.#yieldedNext = !this.#yieldedNext
    if (!this.#yielded.empty && (this.#yieldedNext || !this.#queueRuns)) {
      this.#now = this.#turnBudget.goOnUntil
      return this.#yielded.letGoOn()
    }
    let took = 0
    let longest = 0
    // The slice goes on as long as one more task of the length of the last one fits in.
    do {
      const began = this.#now
      this.#stepInTurn(this.#ready.shift())
      took = this.#now - began
      if (took > longest) longest = took
    } while (this.#queueRuns && this.#now + took < this.#turnBudget.beginUntil)
    this.#turnBudget.longest = longest
    this.#ready.ran(this.#now - this.#turnBudget.turnBegan)
  }

  #releaseSent(): void {
    const due = this.#sentBefore
    for (let scope = due.shift(); scope !== undefined; scope = due.shift()) (scope as RequestScope).release()
    this.#sentBefore = this.#sent
    this.#sent = due
  }

  readonly #stepAlone = (scope: Scope): void => {
    this.#now = clock.now()
    this.#stepInTurn(scope)
  }

  /** Takes a step of a scope in its turn. While the task waits for a promise, the scope takes one of the places of `concurrency`. */
  #stepInTurn(scope: Scope): void {
    const step = this.#step(scope, scope, this.#goOn)
    if (step === 'running') this.#places.take()
    else if (step !== 'limited') scope.resume()
    if (scope.state !== 'queued') this.#ready.remove(scope)
  }

  readonly #goOn = (scope: Scope): void => {
    this.#places.free()
    scope.resume()
    this.#wake()
  }

  /** Runs the tasks of a scope at once, one after another, outside the turns and whatever `concurrency` is. */
  async #runAll(scope: RequestScope): Promise<void> {
    const waiting: WaitingRun = { next: undefined, admittedBy: undefined, resume() {} }
    for (let step: Step = 'done'; step !== 'empty'; ) {
      this.#now = clock.now()
      step = await new Promise<Step>((resolve) => {
        const goOn = () => resolve('done')
        waiting.resume = goOn
        const step = this.#step(scope, waiting, goOn)
        if (step === 'empty' || step === 'done') resolve(step)
      })
    }
  }

  /** Runs the tasks of a response before it leaves. */
  async #runBefore(scope: RequestScope): Promise<void> {
    this.backlog.before++
    this.backlog.renew(scope)
    // The response is about to be delivered, as far as the server can know.
    scope.describe({ delivered: true })
    await this.#runAll(scope)
    this.backlog.makeDue(scope)
  }

  /**
   * Takes a scope one step further: its next task runs, unless its batch or its limiter lets it wait.
   * @param waiting stands in the queue of the limiter
   * @param onEnd is called when a task has ended that waited for a promise
   */
  #step(scope: Scope, waiting: WaitingRun, onEnd: (scope: Scope) => void): Step {
    const task = this.#next(scope)
    const limiter = isolatesRequests ? undefined : task?.definition.limiter
    const { admittedBy } = waiting
    // The room belongs to a run of that limiter's job, and this is none: the next one that waits gets it.
    if (admittedBy !== undefined && admittedBy !== limiter) {
      waiting.admittedBy = undefined
      admittedBy.admit()
    }
    if (task === undefined) return 'empty'
    const { buffer, pause } = task.definition
    if (pause?.holds(task) || (buffer !== undefined && !task.isDue && buffer.add(task))) {
      this.#now = clock.now()
      return 'done'
    }
    if (limiter !== undefined && !limiter.tryAcquire(waiting)) {
      scope.queue.unshift(task)
      this.#ready.remove(scope)
      limiter.wait(waiting)
      this.#now = clock.now()
      return 'limited'
    }
    if (scope.state === 'queued') scope.state = 'running'
    const outcome = this.#attempt(task)
    if (!(outcome instanceof Promise)) {
      this.#stepped(scope, task, outcome)
      return 'done'
    }
    scope.track(task)
    void outcome.then((outcome) => {
      this.#stepped(scope, task, outcome)
      onEnd(scope)
    })
    return 'running'
  }

  #stepped(scope: Scope, task: Task, outcome: Outcome): void {
    // Room for the rate may be gone: an instance that ends does not wait for more.
    task.definition.limiter?.release(this.lifecycle.isPast('draining'))
    const isOver = this.completion.complete(task, outcome)
    if (isOver && this.settings.onError === 'stop' && isTrouble(outcome)) {
      for (const task of scope.queue) this.completion.cancel(task, 'stopped')
    }
  }

  /** Takes the next task that may begin off the queue of a scope. */
  #next(scope: Scope): Task | undefined {
    const { queue } = scope
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      if (task.state !== 'waiting' || this.completion.leaves(task)) continue
      if (task.expiresAt !== undefined && clock.date() > task.expiresAt) this.completion.cancel(task, 'expired')
      else if (scope.timeLeft > leastTimeLeft) return task
      else this.completion.cancel(task, 'host')
    }
    return undefined
  }

  /** Runs one attempt. The clock is read once for each, at its end: the next attempt begins there. */
  #attempt(task: Task): Outcome | Promise<Outcome> {
    this.backlog.begin(task)
    const began = this.slowTasks.begins(this.#now)
    const outcome = run(task, this.current)
    if ((this.#now = clock.now()) - began > this.settings.slowTask) this.slowTasks.add(task, began, this.#now)
    return outcome
  }
}
