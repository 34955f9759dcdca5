import { clearTimeout, clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { channels, isHeard, report } from '../events.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import type { Outcome } from '../task/outcome.ts'
import type { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import type { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'
import { rootContext } from './current.ts'
import { counterOf, type Meter } from './meter.ts'
import type { ReadyScopes } from './ready-scopes.ts'

/** The backlog counts all tasks without an outcome: how many there are, whether there is room for more, how old they are. */
export class Backlog {
  /** Responses that waited for their tasks. */
  before = 0
  /** Tasks that have not begun, or wait for their retry. */
  waiting = 0
  /** Waiting tasks whose response is not released yet. */
  notDue = 0
  /** Waiting tasks that can't begin before something else has happened: the time of a retry, others of their batch. */
  postponed = 0
  /** Tasks that have begun and have not ended. */
  running = 0
  /** The waiting and the running ones that the library has made, for batches. */
  readonly internal = { waiting: 0, running: 0 }
  /** Scopes with unfinished tasks whose response was not sent yet. */
  open = 0
  /** Responses that wait until their records are stored. */
  heldForRecords = 0
  /** Tasks that have ended, by outcome. */
  readonly ended = { done: 0, failed: 0, timedOut: 0, cancelled: 0 }

  readonly #settings: AfterwordSettings
  readonly #ready: ReadyScopes
  /** The scopes with unfinished tasks, by age. They carry the links: a Set costs more than the rest of the backlog. */
  #oldest: Scope | undefined
  #newest: Scope | undefined
  readonly #onEmpty = new Set<() => void>()
  /** Measures the tasks, while there is a reader. */
  meter: Meter | undefined
  /** The responses that are held until there is room, in their order. */
  readonly #held: { readonly scope: RequestScope; readonly leave: () => void }[] = []
  #ageTimer: NodeJS.Timeout | undefined

  constructor(settings: AfterwordSettings, ready: ReadyScopes) {
    this.#settings = settings
    this.#ready = ready
  }

  /** Counts a task in. @throws AfterwordError `AFTERWORD_OVERLOADED` */
  add(task: Task): void {
    const { maxBacklog, overload } = this.#settings
    // Held responses keep the backlog within its bounds; the tasks of responses that are still open may take as much again.
    const most = overload === 'reject' ? maxBacklog : 2 * maxBacklog
    // An earlier process has accepted a record that is stored already.
    if (this.waiting >= most && !task.definition.internal && !task.record?.isAccepted)
      throw new AfterwordError('AFTERWORD_OVERLOADED', [this.waiting, most])
    this.waiting++
    this.#countNotDue(task.scope, 1)
    // The other tasks of the scope may have been due for long.
    if (task.scope.unfinished > 0 && task.scope.state !== 'open') task.dueSince = clock.now()
    if (task.definition.internal) this.internal.waiting++
    if (isHeard('task:deferred')) channels['task:deferred'].publish({ task })
    task.recording = task.scope.runner.current.recorder?.record(task)
  }

  /** An attempt begins. */
  begin(task: Task): void {
    this.#leave(task)
    this.running++
    if (task.definition.internal) this.internal.running++
    task.begin()
  }

  /** An attempt is over, and the task waits for the next one. */
  retry(task: Task): void {
    this.running--
    this.waiting++
    this.postponed++
    task.dueSince = Infinity
  }

  postpone(task: Task): void {
    if (task.dueSince === Infinity) return
    this.#countNotDue(task.scope, -1)
    this.postponed++
    task.dueSince = Infinity
  }

  resume(task: Task): void {
    if (task.dueSince === Infinity) {
      this.postponed--
      this.#countNotDue(task.scope, 1)
    }
    task.dueSince = clock.now()
  }

  /** A task has its outcome. */
  end(task: Task, outcome: Outcome): void {
    if (task.state === 'waiting') this.#leave(task)
    else this.running--
    // The items of a batch are counted, and not the run that they share.
    if (task.definition.internal) {
      if (task.state === 'running') this.internal.running--
      return
    }
    // A kept task has no outcome yet: it runs later, or in another process.
    if (outcome.status !== 'cancelled' || outcome.reason !== 'kept') this.ended[counterOf[outcome.status]]++
  }

  /** The response of a scope was sent: its tasks are ready. */
  release(scope: RequestScope): void {
    if (scope.busy) {
      this.open--
      this.renew(scope)
    }
    this.makeDue(scope)
    this.#ready.coming -= scope.coming
    scope.coming = 0
  }

  /** The response of a scope may leave: from now on the tasks count. */
  makeDue(scope: RequestScope): void {
    scope.released = true
    this.#ready.coming += scope.notDue
    scope.coming += scope.notDue
    this.notDue -= scope.notDue
    scope.notDue = 0
  }

  /** As many tasks are due as are allowed, or they wait for too long. Tasks of open scopes don't count: they may wait for this very room. */
  get full(): boolean {
    return this.waiting - this.notDue >= this.#settings.maxBacklog || this.#ready.wait > 1
  }

  /** The number of responses that wait until there is room. */
  get heldForRoom(): number {
    return this.#held.length
  }

  /** Resolves when there is room for the tasks of a scope. */
  room(scope: RequestScope): Promise<void> {
    return new Promise((leave) => this.#held.push({ scope, leave }))
  }

  /** A task does not wait any more. */
  #leave(task: Task): void {
    this.waiting--
    if (task.definition.internal) this.internal.waiting--
    if (task.dueSince === Infinity) this.postponed--
    else this.#countNotDue(task.scope, -1)
    this.letGo()
  }

  /** Held responses leave as long as there is room. */
  letGo(): void {
    while (this.#held.length > 0 && !this.full) {
      const held = this.#held.shift()
      if (held === undefined) return
      this.makeDue(held.scope)
      held.leave()
    }
  }

  #countNotDue(scope: Scope, tasks: 1 | -1): void {
    if (!isOpen(scope)) return
    if (scope.released) {
      this.#ready.coming += tasks
      scope.coming += tasks
    } else {
      this.notDue += tasks
      scope.notDue += tasks
    }
  }

  /** A scope has its first unfinished task. */
  watch(scope: Scope): void {
    this.#append(scope)
    if (scope.state !== 'open') return
    this.open++
    // All scopes share a timer; where requests are isolated, the host ends a stuck request.
    if (!isolatesRequests) this.#watchAge(this.#settings.maxRequestAge)
  }

  /** The tasks of a scope are due from now on: it is the newest of the scopes. */
  renew(scope: Scope): void {
    this.#unlink(scope)
    this.#append(scope)
  }

  #append(scope: Scope): void {
    scope.since = clock.now()
    scope.older = this.#newest
    if (this.#newest === undefined) this.#oldest = scope
    else this.#newest.newer = scope
    this.#newest = scope
  }

  #unlink(scope: Scope): void {
    const { older, newer } = scope
    scope.older = scope.newer = undefined
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  /** A scope has no unfinished task. */
  forget(scope: Scope): void {
    this.#unlink(scope)
    if (scope.state === 'open') this.open--
    if (this.#oldest === undefined) for (const emptied of this.#onEmpty) emptied()
  }

  /** The number of waiting tasks whose response was not sent yet. */
  get unsent(): number {
    return this.notDue + this.#ready.coming
  }

  /** The moment by `performance.now()` from which on the oldest task that is due has been so; `Infinity` where none is. */
  get dueSince(): number {
    let since = Infinity
    // A scope is no younger than its tasks, and the scopes stand in the order of their age.
    for (let scope = this.#oldest; scope !== undefined && scope.since < since; scope = scope.newer) {
      if (scope.state === 'open') continue
      for (const tasks of [scope.queue, scope.tracked ?? []]) {
        for (const task of tasks) {
          if (task.state === 'waiting' && !task.definition.internal)
            since = Math.min(since, task.dueSince ?? scope.since)
        }
      }
    }
    return since
  }

  /** Every task without an outcome, from the oldest scope on. */
  *tasks(): Iterable<Task> {
    for (let scope = this.#oldest; scope !== undefined; scope = scope.newer) {
      if (scope.tracked !== undefined) yield* scope.tracked
      for (const task of scope.queue) if (task.state === 'waiting') yield task
    }
  }

  /** Every task that runs. */
  *begun(): Iterable<Task> {
    for (let scope = this.#oldest; scope !== undefined; scope = scope.newer) {
      for (const task of scope.tracked ?? []) if (task.state === 'running') yield task
    }
  }

  /** The task of that id which has no outcome yet. */
  find(id: string): Task | undefined {
    for (const task of this.tasks()) if (task.id === id) return task
    return undefined
  }

  /** Resolves when nothing is left, or after `timeout` ms. */
  async emptied(timeout: number): Promise<void> {
    if (this.#oldest === undefined) return
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#onEmpty.delete(end)
        resolve()
      }
      const timer = setTimer(end, timeout)
      this.#onEmpty.add(end)
    })
  }

  /** One timer serves all scopes. */
  #watchAge(delay: number): void {
    this.#ageTimer ??= rootContext.runInAsyncScope(setTimer, undefined, this.#releaseStuck, Math.ceil(delay)).unref()
  }

  readonly #releaseStuck = (): void => {
    this.#ageTimer = undefined
    const { maxRequestAge } = this.#settings
    for (let scope = this.#oldest, newer: Scope | undefined; scope !== undefined; scope = newer) {
      newer = scope.newer
      if (!isOpen(scope)) continue
      const left = scope.since + maxRequestAge - clock.now()
      if (left > 0) return this.#watchAge(left)
      const { method, path } = scope.describe()
      const { context } = scope.queue.first ?? scope
      report(new AfterwordError('AFTERWORD_STUCK', [method, path, maxRequestAge]), undefined, context)
      scope.release()
    }
  }
}

/** The response of the scope was not sent yet. */
function isOpen(scope: Scope): scope is RequestScope {
  return scope.state === 'open'
}
