import { addTask, keyOf } from '../defer.ts'
import { AfterwordError, describe } from '../errors.ts'
import {
  type BatchOptions,
  boundOptions,
  type CallOptions,
  type JobOptions,
  type TaskSettings,
  validateBatch,
  validateCall,
  validateJob,
  validateTask,
} from '../options/task-options.ts'
import { Limiter } from '../schedule/limiter.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import type { JobRecord } from '../task/record.ts'
import type { Deferred } from '../task/task.ts'
import { type Batch, BatchBuffer, type BatchHandler } from './batch.ts'
import { checkInput, runInput, type StandardSchema } from './input.ts'
import type { Handler, Registry } from './registry.ts'
import { inThread, threads } from './thread-pool.ts'
import type { Worker } from './worker.ts'

/** Named, typed work. */
export interface Job<A extends unknown[] = unknown[], R = unknown> {
  readonly name: string
  /** Runs the handler after the response; outside a request, on the next turn. */
  defer(...args: A): Deferred<Awaited<R>>
  /**
   * Runs the handler whatever becomes of the response; with a journal, in whichever process has room. Resolves with the id once it is
   * stored, be it in an open transaction of the app's own database; with that of the call which is there already if it has the same `key`.
   */
  dispatch(...args: A): Promise<string>
  /** The same job with options bound; its limits stay those of the job. */
  with(options: CallOptions<A>): Job<A, R>
  /** With an earlier version it takes the arguments of that. */
  with<B extends unknown[]>(options: CallOptions<B> & { readonly version: number }): Job<B, R>
}

/** A job whose handler is the default export of a module, run in a thread by the package `piscina`. */
export interface ThreadOptions<A extends unknown[] = unknown[]> extends JobOptions<A> {
  /** The module: `new URL('./render.ts', import.meta.url)`. */
  readonly thread: URL
  /** What of the arguments is moved into the thread instead of being copied; such a job can't be retried. */
  readonly transfer?: (...args: A) => readonly unknown[]
}

/** What all calls of a job have in common, whatever options are bound to them. */
interface Work {
  readonly name: string
  readonly version: number
  readonly input: StandardSchema | undefined
  /** For calls of a version of the job. */
  handler(version: number): Handler
}

/** Defines jobs. */
export class Jobs {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  readonly #worker: Worker

  constructor(scheduler: Scheduler, registry: Registry, worker: Worker) {
    this.#scheduler = scheduler
    this.#registry = registry
    this.#worker = worker
  }

  define(name: string, given: unknown, more: object): Job<never[]> {
    const { thread, transfer, ...rest } = (isThread(name, given) ? given : more) as Partial<ThreadOptions<never[]>>
    this.#registry.claim('job', name, thread?.href ?? given)
    const options: JobOptions<never[]> = transfer === undefined ? rest : { retries: 0, ...rest }
    const { concurrency, rate, input, upgrade, ...call } = validateJob(`job("${name}")`, options)
    const { version } = call
    const most = thread === undefined ? concurrency : Math.min(concurrency, threads)
    const signal = () => (this.#scheduler.task as { signal: AbortSignal }).signal
    const plain = thread === undefined ? (given as Handler) : inThread(name, thread, transfer, signal)
    const checked: Handler =
      input === undefined ? plain : (...args) => plain(...(runInput(input, name, args) as never[]))
    const work: Work = {
      name,
      version,
      input,
      handler: (from) =>
        from < version && upgrade !== undefined ? (...args) => checked(...(upgrade(args, from) as never[])) : checked,
    }
    const limit = most === Infinity && rate === undefined ? undefined : new Limiter(most, rate)
    const settings: TaskSettings = { ...call, label: name, limiter: limit }
    if (settings.keep) {
      this.#registry.keep(name, { version, settings, handler: work.handler })
      this.#worker.tellJobs()
    }
    return this.#bind(work, settings)
  }

  batch<T>(name: string, handler: BatchHandler<T>, options: BatchOptions): Batch<T> {
    this.#registry.claim('batch', name, handler)
    const resolved = validateBatch(`batch("${name}")`, options)
    const gathering = new BatchBuffer(name, handler, this.#scheduler, resolved)
    const { size, within, timeout, ...rest } = resolved
    const settings = { ...validateTask('batch', rest, name), batchBuffer: gathering }
    return { name, defer: (item) => addTask(this.#scheduler, settings, handler, [item]) as Deferred<void> }
  }

  #bind(work: Work, settings: TaskSettings): Job<never[]> {
    const { name } = work
    const { version = 1, delay = 0, keep = false, bound } = settings
    // A call of an earlier version is checked when it was upgraded, which is when it is run.
    const input = version === work.version ? work.input : undefined
    const handler = work.handler(version)
    const apart = { ...settings, now: true, dispatched: true }
    const scheduler = this.#scheduler
    return {
      name,
      defer: (...args) => {
        if (delay > 0) throw new AfterwordError('AFTERWORD_DELAYED_DEFER', [name])
        if (input !== undefined) checkInput(input, name, args)
        return addTask(scheduler, settings, handler, args) as Deferred<never>
      },
      dispatch: async (...args) => {
        if (input !== undefined) checkInput(input, name, args)
        if (scheduler.state === 'closed') throw new AfterwordError('AFTERWORD_CLOSED', [name])
        const journal = keep ? scheduler.journal : undefined
        if (journal === undefined && delay > 0) throw new AfterwordError('AFTERWORD_NEEDS_JOURNAL', [name])
        const goesOn = journal === undefined || (delay === 0 && journal.hasRoom(name))
        const added = goesOn ? addTask(scheduler, apart, handler, args) : this.#share(settings, args)
        await added.entered
        return added.id
      },
      with: (more: object) => {
        const given = validateCall(`job("${name}").with`, more, work.version)
        return this.#bind(work, { ...settings, ...given, bound: boundOptions({ ...bound, ...given }) }) as Job<never>
      },
    }
  }

  /** Stores a call that is in nobody's memory until somebody takes it. */
  #share(settings: TaskSettings, args: readonly unknown[]): JobRecord {
    const { journal, scope } = this.#scheduler
    const { label = '', version = 1, delay = 0, bound } = settings
    const call = { job: label, version, args, options: bound, uniqueKey: keyOf(settings, args), delay, shared: true }
    const record = (journal as NonNullable<typeof journal>).create(call)
    scope?.expect(record)
    record.submit(() => {})
    return record
  }
}

/** @throws AfterwordError `AFTERWORD_INVALID_OPTION` where the module is none */
function isThread(name: string, work: unknown): work is ThreadOptions {
  if (typeof work !== 'object' || work === null || !('thread' in work)) return false
  if (work.thread instanceof URL) return true
  const expected = "the URL of a module, new URL('./render.ts', import.meta.url)"
  throw new AfterwordError('AFTERWORD_INVALID_OPTION', [`job("${name}")`, 'thread', expected, describe(work.thread)])
}
