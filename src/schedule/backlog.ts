import { AsyncResource } from 'node:async_hooks'
import { AfterwordError } from '../errors.ts'
import { channels, report } from '../events.ts'
import type { AfterwordSettings } from '../options/instance-options.ts'
import { isolatesRequests } from '../platform.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Scope } from '../task/scope.ts'
import type { Task } from '../task/task.ts'

/** Where turns and shared timers are set: in the context of whoever needs them first, its stores would live on in them. */
export const root = new AsyncResource('Afterword')

/** All that is not finished: how much it is, whether there is room for more, how old it is, when it is empty. */
export class Backlog {
  /** Responses that waited for their tasks. */
  before = 0
  /** Tasks that have not begun, or wait for their retry. */
  waiting = 0
  /** Those of them whose response has not ended yet. */
  unsent = 0
  /** Tasks that have begun and have not ended. */
  running = 0
  /** Scopes with unfinished tasks whose response was not sent yet. */
  open = 0
  /** Tasks that have ended, by outcome. */
  readonly ended = { done: 0, failed: 0, timedOut: 0, cancelled: 0 }

  readonly #settings: AfterwordSettings
  /** The scopes with unfinished tasks, by their age, linked by themselves: a Set costs more than all the rest of this. */
  #oldest: Scope | undefined
  #newest: Scope | undefined
  readonly #onEmpty = new Set<() => void>()
  /** What lets the responses go that are held until there is room, in their order. */
  readonly #held: { readonly scope: Scope; readonly leave: () => void }[] = []
  #ageTimer: NodeJS.Timeout | undefined

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  /** Counts a task in. @throws AfterwordError `AFTERWORD_OVERLOADED` */
  add(task: Task): void {
    const { maxBacklog, overload } = this.#settings
    // Held responses keep the backlog within its bounds; what is deferred while they are may take as much again.
    const most = overload === 'reject' ? maxBacklog : 2 * maxBacklog
    // What is stored already was accepted once, by an earlier process.
    if (this.waiting >= most && !task.settings.internal && !task.record?.isAccepted)
      throw new AfterwordError('AFTERWORD_OVERLOADED', [this.waiting, most])
    this.waiting++
    this.#countUnsent(task.scope, 1)
    if (channels['task:deferred'].hasSubscribers) channels['task:deferred'].publish({ task })
  }

  begin(task: Task): void {
    this.#leave(task)
    this.running++
  }

  /** The attempt is over, and the task waits again. */
  retry(): void {
    this.running--
    this.waiting++
  }

  /** The task has its outcome. */
  end(task: Task, outcome: Outcome): void {
    if (task.state === 'waiting') this.#leave(task)
    else this.running--
    this.ended[counterOf[outcome.status]]++
  }

  /** The response of a scope was sent: its tasks are due. */
  release(scope: Scope): void {
    this.open--
    this.makeDue(scope)
  }

  /** The response of a scope leaves: from now on its tasks count. */
  makeDue(scope: Scope): void {
    scope.released = true
    this.unsent -= scope.notDue
    scope.notDue = 0
  }

  /** As many tasks are due as are allowed. Those of open scopes don't count: they may wait for this very room. */
  get full(): boolean {
    return this.waiting - this.unsent >= this.#settings.maxBacklog
  }

  /** Responses that wait until there is room. */
  get held(): number {
    return this.#held.length
  }

  /** Resolves when there is room for the tasks of a scope. */
  room(scope: Scope): Promise<void> {
    return new Promise((leave) => this.#held.push({ scope, leave }))
  }

  /** One task fewer is waiting. */
  #leave(task: Task): void {
    this.waiting--
    this.#countUnsent(task.scope, -1)
    if (this.#held.length > 0 && !this.full) this.#letGo()
  }

  /** Held responses leave as long as there is room. */
  #letGo(): void {
    while (!this.full) {
      const held = this.#held.shift()
      if (held === undefined) return
      this.makeDue(held.scope)
      held.leave()
    }
  }

  #countUnsent(scope: Scope, tasks: 1 | -1): void {
    if (scope.state !== 'open' || scope.released) return
    this.unsent += tasks
    scope.notDue += tasks
  }

  /** A scope has its first unfinished task. */
  watch(scope: Scope): void {
    scope.older = this.#newest
    if (this.#newest === undefined) this.#oldest = scope
    else this.#newest.newer = scope
    this.#newest = scope
    if (scope.state !== 'open') return
    this.open++
    // A timer that all share; where there can be none, the host ends what is stuck.
    if (!isolatesRequests) this.#watchAge(this.#settings.maxRequestAge)
  }

  /** A scope has no unfinished task. */
  forget(scope: Scope): void {
    const { older, newer } = scope
    scope.older = scope.newer = undefined
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    if (scope.state === 'open') this.open--
    if (this.#oldest === undefined) for (const emptied of this.#onEmpty) emptied()
  }

  /** When the oldest scope with unfinished tasks got the first of them, by `performance.now()`. */
  get oldest(): number | undefined {
    return this.#oldest?.since
  }

  *tasks(): Iterable<Task> {
    for (let scope = this.#oldest; scope !== undefined; scope = scope.newer) yield* scope.unfinished()
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
      const timer = setTimeout(end, timeout)
      this.#onEmpty.add(end)
    })
  }

  /** One timer serves all scopes. */
  #watchAge(delay: number): void {
    this.#ageTimer ??= root.runInAsyncScope(setTimeout, undefined, this.#releaseStuck, Math.ceil(delay)).unref()
  }

  readonly #releaseStuck = (): void => {
    this.#ageTimer = undefined
    const { maxRequestAge } = this.#settings
    for (let scope = this.#oldest, newer: Scope | undefined; scope !== undefined; scope = newer) {
      newer = scope.newer
      if (scope.response === undefined) continue
      const left = scope.since + maxRequestAge - performance.now()
      if (left > 0) return this.#watchAge(left)
      scope.sent = scope.response.describe()
      report(new AfterwordError('AFTERWORD_STUCK', [scope.sent.method, scope.sent.path, maxRequestAge]))
      scope.release()
    }
  }
}

const counterOf = { done: 'done', failed: 'failed', 'timed-out': 'timedOut', cancelled: 'cancelled' } as const
