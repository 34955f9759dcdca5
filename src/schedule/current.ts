import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { isolatesRequests } from '../platform.ts'
import type { CallTracer } from '../task/record.ts'
import type { Recorder } from '../task/recording.ts'
import type { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import { Task } from '../task/task.ts'
import type { RunHooks } from './run-hooks.ts'

/**
 * The async context of no request and no task. Turns and shared timers are set in it: in the context of whichever caller needs them
 * first, the stores of that caller would live on in them.
 */
export const rootContext = new AsyncResource('Afterword')

/** A frame holds the stores of a context by their `AsyncLocalStorage`. Since version 24 Node keeps it in the `AsyncResource`. */
type Frame = ReadonlyMap<unknown, unknown> | undefined
const frames = rootContext as unknown as Record<symbol, Frame>
/** The name of that property, which Node does not document; `undefined` where there is none, or where the root has stores itself. */
const frameName = Object.getOwnPropertySymbols(frames).find(
  (name) => name.description === 'context_frame' && frames[name] === undefined,
)

/** The scope or the task that the code which runs now belongs to: a scope while a handler runs, a task while the task runs. */
export class Current {
  readonly #storage = new AsyncLocalStorage<RequestScope | Task>()
  /** The tracers of the calls that are stored: the last one traces. */
  tracers: readonly CallTracer[] = []
  /** The hooks around each run; `undefined` while there are none. */
  hooks: RunHooks | undefined
  /** Records scopes; `undefined` while nobody looks. */
  recorder: Recorder | undefined

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

  /** Calls `fn` as code of the request of a scope: where the caller belongs to another one, in the async context of that request. */
  enterRequest<A extends unknown[], R>(scope: RequestScope, fn: (...args: A) => R, self: unknown, args: A): R {
    if (this.scope === scope) return fn.apply(self, args)
    const { context } = scope
    if (context !== undefined) return context.runInAsyncScope(fn, self, ...args)
    return rootContext.runInAsyncScope(() => this.#storage.run(scope, () => fn.apply(self, args)))
  }

  /** Calls `fn` as code of a task, in the async context in which the task was deferred. Throws what `fn` throws. */
  enterCaller<R>(task: Task, fn: (task: Task) => R): R {
    const caller = task.context as AsyncResource
    const context = this.#holdsNothingElse(caller) ? rootContext : caller
    return context.runInAsyncScope(this.#enterTask as (task: Task, fn: (task: Task) => R) => R, undefined, task, fn)
  }

  // Setting the task copies the caller's frame. A frame that holds nothing but the owner needs no copy: the task takes the owner's place,
  // and an empty frame becomes the same at a fifth of the cost.
  #holdsNothingElse(context: AsyncResource): boolean {
    if (frameName === undefined) return false
    const frame = (context as unknown as typeof frames)[frameName]
    return frame?.size === 1 && frame.has(this.#storage)
  }

  // Within the context of the caller, which ends with the call, the task can be set without a context of its own: that costs half as
  // much. Cloudflare Workers have no `enterWith`.
  readonly #enterTask = <R>(task: Task, fn: (task: Task) => R): R => {
    if (isolatesRequests) return this.#storage.run(task, fn, task)
    this.#storage.enterWith(task)
    return fn(task)
  }
}
