import type { AsyncLocalStorage } from 'node:async_hooks'
import type { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import { instance } from '../../instance.ts'
import type { Task } from '../../task/task.ts'
import { handToPlatform, track } from '../web/platform-context.ts'

type Callback = () => unknown

/** The part of Next's `AfterContext` (next/dist/server/after/after-context.js) that is used. It has the `after` calls of a request. */
interface AfterContext {
  waitUntil: ((promise: Promise<unknown>) => void) | undefined
  addCallback(callback: Callback, workUnitStore: unknown): void
  addThenable(thenable: PromiseLike<unknown>): void
  [callbacks]?: Callbacks
}

interface WorkStore {
  readonly afterContext?: Partial<AfterContext>
}
type WorkStorage = AsyncLocalStorage<WorkStore | undefined>

const caught = Symbol.for('afterword.next-after')
const callbacks = Symbol('afterword.callbacks')

/**
 * Makes every function that is given to Next's `after` a task of its request, and every promise work that has begun.
 * `AfterContext` is compiled into several bundles, but each request enters the one work storage with an instance of it.
 * Where Next looks different inside, nothing is changed, and `provideRequestContext` is all there is.
 */
export async function catchAfter(): Promise<void> {
  for (const storage of await workStorages()) {
    if (typeof storage.run !== 'function' || caught in storage) continue
    const { run } = storage
    const catching = (store: WorkStore | undefined, ...rest: [(...args: unknown[]) => unknown, ...unknown[]]) => {
      catchCallsOf(store?.afterContext)
      return run.call(storage, store, ...rest)
    }
    Object.assign(storage, { run: catching, [caught]: true })
  }
}

/** Finds Next's work storages: Next 16 has them on global symbols that hold its version, Next 15 in a module. */
async function workStorages(): Promise<WorkStorage[]> {
  const global = globalThis as { [key: symbol]: unknown }
  const keys = Object.getOwnPropertySymbols(globalThis).filter((key) =>
    key.description?.startsWith('@next/work-async-storage@'),
  )
  if (keys.length > 0) return keys.map((key) => global[key] as WorkStorage)
  try {
    const { workAsyncStorage } = await import('next/dist/server/app-render/work-async-storage.external.js')
    return [workAsyncStorage as unknown as WorkStorage]
  } catch {
    return []
  }
}

function catchCallsOf(afterContext: Partial<AfterContext> | null | undefined): void {
  if (typeof afterContext !== 'object' || afterContext === null || caught in afterContext) return
  const prototype = Object.getPrototypeOf(afterContext) as Partial<AfterContext> | null
  const { addCallback, addThenable } = prototype ?? {}
  if (typeof addCallback !== 'function' || typeof addThenable !== 'function') return
  Object.assign(prototype as object, {
    [caught]: true,
    addThenable(promise: PromiseLike<unknown>) {
      track(promise)
      handToPlatform(promise)
    },
    addCallback(this: AfterContext, callback: Callback, workUnitStore: unknown) {
      this[callbacks] ??= new Callbacks(this)
      addCallback.call(this, this[callbacks].add(callback), workUnitStore)
    },
  })
}

/**
 * The `after` functions of one request. Next calls them when the response is closed, all at once; each then waits for its
 * turn as a task of the scope. So what Next does around them stays: its context, the phase 'after', nested calls, and
 * the revalidation when all have ended.
 */
class Callbacks {
  /** The number of functions that have not ended. */
  #open = 0
  /** Next's own promise for all functions, and for its work when they have ended. */
  #whole: Promise<unknown> | undefined
  #more = Promise.withResolvers<void>()

  constructor(afterContext: AfterContext) {
    afterContext.waitUntil = (promise) => {
      this.#whole = promise
      // The task that waits for it reports it; it may have timed out by then.
      promise.catch(() => {})
      handToPlatform(promise)
    }
  }

  /** Defers a task for a callback. @returns the function that Next is to call in its place */
  add(callback: Callback): Callback {
    const turn = Promise.withResolvers<Task | undefined>()
    const ended = Promise.withResolvers<void>()
    const task = async () => {
      turn.resolve(instance().currentTask() as Task)
      await ended.promise
      if (this.#open === 0) await Promise.race([this.#whole, this.#more.promise])
    }
    Object.defineProperty(task, 'name', { value: callback.name || 'after' })
    try {
      // Skipped tasks, too, have to let Next go on.
      void instance()
        .defer(task)
        .outcome.then(() => turn.resolve(undefined))
    } catch (error) {
      // Not accepted, for the backlog is full or closed: a framework's call must not throw that. Next runs it by itself.
      report(error as AfterwordError)
      return callback
    }
    this.#open++
    this.#more.resolve()
    this.#more = Promise.withResolvers()
    return async () => {
      const task = await turn.promise
      try {
        if (task !== undefined) await instance().inTask(task, callback)
        ended.resolve()
      } catch (error) {
        ended.reject(error)
      }
      this.#open--
    }
  }
}
