import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { isolatesRequests } from '../platform.ts'
import type { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'

/**
 * The async context of no request and no task. Turns and shared timers are set in it: in the context of whichever caller needs them
 * first, the stores of that caller would live on in them.
 */
export const rootContext = new AsyncResource('Afterword')

/** The scope or the task that the code which runs now belongs to: a scope while a handler runs, a task while the task runs. */
export class Current {
  readonly #storage = new AsyncLocalStorage<RequestScope | Task>()

  /** The scope; `undefined` outside a request. */
  get scope(): Scope | undefined {
    const owner = this.#storage.getStore()
    return owner instanceof Task ? owner.scope : owner
  }

  get task(): Task | undefined {
    const owner = this.#storage.getStore()
    return owner instanceof Task ? owner : undefined
  }

  /** The scope whose handler runs; `undefined` in a task. */
  get requestScope(): RequestScope | undefined {
    const owner = this.#storage.getStore()
    return owner instanceof Task ? undefined : owner
  }

  /** Calls `fn` as code of a scope or of a task. Throws what `fn` throws. */
  enter<R>(owner: RequestScope | Task, fn: () => R): R {
    return this.#storage.getStore() === owner ? fn() : this.#storage.run(owner, fn)
  }

  /** Calls `fn` as code of a task, in the async context in which the task was deferred. Throws what `fn` throws. */
  enterCaller<R>(task: Task, fn: (task: Task) => R): R {
    const context = task.context as AsyncResource
    return context.runInAsyncScope(this.#enterTask as (task: Task, fn: (task: Task) => R) => R, undefined, task, fn)
  }

  // Within the context of the caller, which ends with the call, the task can be set without a context of its own: that costs half as
  // much. Cloudflare Workers have no `enterWith`.
  readonly #enterTask = <R>(task: Task, fn: (task: Task) => R): R => {
    if (isolatesRequests) return this.#storage.run(task, fn, task)
    this.#storage.enterWith(task)
    return fn(task)
  }
}
