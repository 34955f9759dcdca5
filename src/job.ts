import { addTask } from './defer.ts'
import { AfterwordError, describe } from './errors.ts'
import { resolveTask, type TaskOptions } from './options.ts'
import type { Scheduler } from './scheduler.ts'
import type { Deferred } from './task.ts'

/** What a job may be given; see `TaskOptions`. A job is retried 5 times unless told otherwise. */
export type JobOptions = TaskOptions

/** Named, typed work. */
export interface Job<A extends unknown[] = unknown[], R = unknown> {
  readonly name: string
  /** Runs the handler after the response; outside a request, on the next turn. */
  defer(...args: A): Deferred<Awaited<R>>
  /** Runs the handler whatever becomes of the response. Resolves with the id once accepted. */
  dispatch(...args: A): Promise<string>
  /** The same job with options bound. */
  with(options: JobOptions): Job<A, R>
}

/** The jobs of an instance, by name: two handlers can't share one, or a stored call could run the wrong one. */
export class Jobs {
  readonly #scheduler: Scheduler
  readonly #handlers = new Map<string, (...args: never[]) => unknown>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  define<A extends unknown[], R>(name: string, handler: (...args: A) => R, options: JobOptions): Job<A, R> {
    if (typeof name !== 'string' || name === '') {
      throw new AfterwordError('AFTERWORD_INVALID_JOB_NAME', [describe(name)])
    }
    if (typeof handler !== 'function') {
      throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', [`job("${name}")`, describe(handler)])
    }
    const known = this.#handlers.get(name)
    if (known !== undefined && known !== handler) throw new AfterwordError('AFTERWORD_DUPLICATE_JOB', [name])
    const job = this.#bind(name, handler, options)
    this.#handlers.set(name, handler)
    return job
  }

  #bind<A extends unknown[], R>(name: string, handler: (...args: A) => R, options: JobOptions): Job<A, R> {
    const settings = resolveTask(`job("${name}")`, { retries: 5, ...options }, name)
    const apart = { ...settings, now: true }
    return {
      name,
      defer: (...args) => addTask(this.#scheduler, settings, handler, args) as Deferred<Awaited<R>>,
      dispatch: async (...args) => addTask(this.#scheduler, apart, handler, args).id,
      with: (more) => this.#bind(name, handler, { ...options, ...more }),
    }
  }
}
