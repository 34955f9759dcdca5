import { AfterwordError } from './errors.ts'
import { channels, report } from './events.ts'
import type { AfterwordSettings } from './options.ts'
import type { Scope } from './scope.ts'
import type { Outcome, Task } from './task.ts'

/** All that is not finished: how much it is, whether there is room for more, how old it is, when it is empty. */
export class Backlog {
  /** Tasks that have not begun, or wait for their retry. */
  waiting = 0
  /** Tasks that have begun and have not ended. */
  running = 0
  /** Scopes with unfinished tasks whose response was not sent yet. */
  open = 0
  /** Tasks that have ended, by outcome. */
  readonly ended = { done: 0, failed: 0, timedOut: 0, cancelled: 0 }

  readonly #settings: AfterwordSettings
  /** In the order of their first unfinished task, so that the oldest is the first. */
  readonly #scopes = new Set<Scope>()
  readonly #onEmpty = new Set<() => void>()
  #ageTimer: NodeJS.Timeout | undefined

  constructor(settings: AfterwordSettings) {
    this.#settings = settings
  }

  /** Counts a task in. @throws AfterwordError `AFTERWORD_OVERLOADED` */
  add(task: Task): void {
    if (this.waiting >= this.#settings.maxBacklog) throw new AfterwordError('AFTERWORD_OVERLOADED', [this.waiting])
    this.waiting++
    if (channels['task:deferred'].hasSubscribers) channels['task:deferred'].publish({ task })
  }

  begin(): void {
    this.waiting--
    this.running++
  }

  /** The attempt is over, and the task waits again. */
  retry(): void {
    this.running--
    this.waiting++
  }

  /** The task has its outcome. */
  end(task: Task, outcome: Outcome): void {
    if (task.state === 'waiting') this.waiting--
    else this.running--
    this.ended[counterOf[outcome.status]]++
  }

  /** A scope has its first unfinished task. */
  watch(scope: Scope): void {
    this.#scopes.add(scope)
    if (scope.state !== 'open') return
    this.open++
    this.#watchAge(this.#settings.maxRequestAge)
  }

  /** A scope has no unfinished task. */
  forget(scope: Scope): void {
    this.#scopes.delete(scope)
    if (scope.state === 'open') this.open--
    if (this.#scopes.size === 0) for (const emptied of this.#onEmpty) emptied()
  }

  /** When the oldest scope with unfinished tasks got the first of them, by `performance.now()`. */
  get oldest(): number | undefined {
    return this.#scopes.values().next().value?.since
  }

  *tasks(): Iterable<Task> {
    for (const scope of this.#scopes) yield* scope.unfinished()
  }

  /** Resolves when nothing is left, or after `timeout` ms. */
  async emptied(timeout: number): Promise<void> {
    if (this.#scopes.size === 0) return
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

  /** Releases the scopes whose response is overdue. One timer serves them all. */
  #watchAge(delay: number): void {
    this.#ageTimer ??= setTimeout(() => {
      this.#ageTimer = undefined
      for (const scope of this.#scopes) {
        if (scope.response === undefined) continue
        const left = scope.since + this.#settings.maxRequestAge - performance.now()
        if (left > 0) return this.#watchAge(left)
        const sent = scope.response.describe()
        report(new AfterwordError('AFTERWORD_STUCK', [sent.method, sent.path, this.#settings.maxRequestAge]))
        scope.release(sent)
      }
    }, Math.ceil(delay)).unref()
  }
}

const counterOf = { done: 'done', failed: 'failed', 'timed-out': 'timedOut', cancelled: 'cancelled' } as const
