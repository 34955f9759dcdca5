import { root } from './backlog.ts'
import { type Batch, type BatchHandler, Gathering } from './batch.ts'
import { addTask } from './defer.ts'
import { AfterwordError, describe } from './errors.ts'
import { Limit } from './limit.ts'
import {
  type BatchOptions,
  type CallOptions,
  type JobOptions,
  resolveBatch,
  resolveCall,
  resolveJob,
  resolveTask,
  type TaskSettings,
} from './options.ts'
import type { JournalOwner, RecoveredRecord } from './record.ts'
import type { Scheduler } from './scheduler.ts'
import { Scope } from './scope.ts'
import { type Deferred, Task } from './task.ts'
import { inThread, threads } from './thread.ts'

/** Named, typed work. */
export interface Job<A extends unknown[] = unknown[], R = unknown> {
  readonly name: string
  /** Runs the handler after the response; outside a request, on the next turn. */
  defer(...args: A): Deferred<Awaited<R>>
  /** Runs the handler whatever becomes of the response. Resolves with the id once accepted. */
  dispatch(...args: A): Promise<string>
  /** The same job with options bound; its limits stay those of the job. */
  with(options: CallOptions): Job<A, R>
}

/** A job whose handler is the default export of a module, run in a thread by the package `piscina`. */
export interface ThreadOptions<A extends unknown[] = unknown[]> extends JobOptions {
  /** The module: `new URL('./render.ts', import.meta.url)`. */
  readonly thread: URL
  /** What of the arguments is moved into the thread instead of being copied; such a job can't be retried. */
  readonly transfer?: (...args: A) => readonly unknown[]
}

type Handler = (...args: never[]) => unknown

/** The jobs of an instance, by name: two handlers can't share one, or a stored call could run the wrong one. */
export class Jobs implements JournalOwner {
  readonly #scheduler: Scheduler
  /** Those whose calls are kept: what to run for a record of another process. */
  readonly #kept = new Map<string, { readonly handler: Handler; readonly settings: TaskSettings }>()
  #tellSet = false
  readonly #handlers = new Map<string, Handler | string>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  define(name: string, work: unknown, given: object): Job<never[]> {
    const { thread, transfer, ...options } = (isThread(work) ? work : given) as Partial<ThreadOptions<never[]>>
    this.#claim('job', name, thread?.href ?? work)
    const place = `job("${name}")`
    const { concurrency, rate, ...rest } = resolveJob(
      place,
      transfer === undefined ? options : { retries: 0, ...options },
    )
    const most = thread === undefined ? concurrency : Math.min(concurrency, threads)
    const limit = most === Infinity && rate === undefined ? undefined : new Limit(most, rate)
    const signal = () => (this.#scheduler.task as { signal: AbortSignal }).signal
    const handler = thread === undefined ? (work as Handler) : inThread(name, thread, transfer, signal)
    const settings = { ...rest, label: name, limit }
    if (settings.keep) {
      this.#kept.set(name, { handler, settings })
      this.tellJournal()
    }
    return this.#bind(handler, settings)
  }

  /** Tells the journal which jobs there are, once all of a module are defined. */
  tellJournal(): void {
    if (this.#tellSet || this.#scheduler.journal === undefined) return
    this.#tellSet = true
    setImmediate(() => {
      this.#tellSet = false
      this.#scheduler.journal?.know([...this.#kept.keys()])
    })
  }

  /** Runs records whose process has ended, each in a scope of its own. */
  recover(records: readonly RecoveredRecord[]): void {
    if (this.#scheduler.state === 'closed') return
    for (const { record, job, args, attempt } of records) {
      const known = this.#kept.get(job)
      if (known === undefined) continue
      const scope = new Scope(this.#scheduler)
      const handler = async (...args: unknown[]) => {
        await record.begin()
        return known.handler(...(args as never[]))
      }
      const task = root.runInAsyncScope(() => new Task(scope, known.settings, handler, args, record))
      task.attempt = attempt
      scope.add(task)
    }
  }

  batch<T>(name: string, handler: BatchHandler<T>, options: BatchOptions): Batch<T> {
    this.#claim('batch', name, handler)
    const resolved = resolveBatch(`batch("${name}")`, options)
    const gathering = new Gathering(name, handler, this.#scheduler, resolved)
    const { size, within, timeout, ...rest } = resolved
    const settings = { ...resolveTask('batch', rest, name), gathering }
    return { name, defer: (item) => addTask(this.#scheduler, settings, handler, [item]) as Deferred<void> }
  }

  #claim(kind: 'job' | 'batch', name: string, work: unknown): void {
    if (typeof name !== 'string' || name === '') {
      throw new AfterwordError('AFTERWORD_INVALID_JOB_NAME', [kind, describe(name), kind])
    }
    if (typeof work !== 'function' && typeof work !== 'string') {
      throw new AfterwordError('AFTERWORD_NOT_A_FUNCTION', [`${kind}("${name}")`, describe(work)])
    }
    const known = this.#handlers.get(name)
    if (known !== undefined && known !== work) throw new AfterwordError('AFTERWORD_DUPLICATE_JOB', [name])
    this.#handlers.set(name, work as Handler | string)
  }

  #bind(handler: Handler, settings: TaskSettings): Job<never[]> {
    const { label = '', limit, keep = false, delay = 0 } = settings
    const apart = { ...settings, now: true }
    return {
      name: label,
      defer: (...args) => addTask(this.#scheduler, settings, handler, args) as Deferred<never>,
      dispatch: async (...args) => {
        if (delay > 0) return this.#dispatchLater(settings, args, delay)
        const task = addTask(this.#scheduler, apart, handler, args)
        await task.accepted
        return task.id
      },
      with: (more) =>
        this.#bind(handler, {
          ...resolveCall(`job("${label}").with`, { ...given(settings), ...more }, label),
          limit,
          keep,
        }),
    }
  }

  /** Stored, and in nobody's memory until it is due. */
  async #dispatchLater({ label = '', keep }: TaskSettings, args: readonly unknown[], delay: number): Promise<string> {
    const { journal, settings } = this.#scheduler
    if (journal === undefined || !keep) throw new AfterwordError('AFTERWORD_NEEDS_JOURNAL', [label])
    const record = journal.record(label, args, settings.maxPayload, delay)
    record.accept(() => {})
    await record.accepted
    return record.id
  }
}

function isThread(work: unknown): work is ThreadOptions {
  return typeof work === 'object' && work !== null && (work as Partial<ThreadOptions>).thread instanceof URL
}

/** The options behind settings. */
function given({ name, when, timeout, retries, backoff, now, delay = 0 }: TaskSettings): CallOptions {
  return { ...(name !== undefined && { name }), when, timeout, retries, backoff, now, delay }
}
