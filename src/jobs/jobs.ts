import { addTask } from '../defer.ts'
import { AfterwordError, describe } from '../errors.ts'
import { channels, isHeard } from '../events.ts'
import { type BatchOptions, validateBatch } from '../options/batch-options.ts'
import { validateCancel } from '../options/cancel-options.ts'
import { type CallOptions, type JobOptions, type JobSettings, validateJob } from '../options/task-options.ts'
import { addressed } from '../schedule/addressed.ts'
import { Limiter } from '../schedule/limiter.ts'
import type { Scheduler } from '../schedule/scheduler.ts'
import { type TaskBuffer, TaskDefinition } from '../task/definition.ts'
import type { JobCall, JobRecord, Journal } from '../task/record.ts'
import type { Deferred, Task } from '../task/task.ts'
import { within } from '../timers.ts'
import type { Batch, BatchHandler } from './batch.ts'
import { BatchBuffer } from './batch-buffer.ts'
import { DebounceBuffer, keyOf } from './debounce-buffer.ts'
import { type Handler, JobDefinition } from './definition.ts'
import type { DefinitionSite } from './definition-site.ts'
import type { Job, ThreadOptions } from './job.ts'
import { LaneBuffer } from './lane-buffer.ts'
import { Pause } from './pause.ts'
import type { Registry } from './registry.ts'
import { inThread, threads } from './thread-pool.ts'
import { UniqueKeys } from './unique-keys.ts'
import type { Worker } from './worker.ts'

/** The most dispatched records that move to their database at once: past it each call waits for its own, so that memory has no more of them. */
const mostMoving = 5000
/** The longest time in ms for which a call waits for that: its record is on the disk, and a database may not answer. */
const longestMove = 1000

/** Defines the jobs and batches of an instance, and makes their calls tasks or records. */
export class Jobs {
  readonly #scheduler: Scheduler
  readonly #registry: Registry
  readonly #worker: Worker
  readonly #uniqueKeys = new UniqueKeys()
  readonly #lanes = new Map<string, TaskBuffer>()
  readonly #debounced = new Map<string, TaskBuffer>()
  /** Lets go of tasks whose records are stored for any process. */
  readonly #unloading: TaskBuffer = {
    runsTasks: true,
    add: (task) => {
      this.#scheduler.completion.unload(task)
      return true
    },
    flush() {},
  }

  constructor(scheduler: Scheduler, registry: Registry, worker: Worker) {
    this.#scheduler = scheduler
    this.#registry = registry
    this.#worker = worker
  }

  define(name: string, given: unknown, more: object, site: DefinitionSite | undefined): Job<never[]> {
    const { thread, transfer, ...rest } = (isThread(name, given) ? given : more) as Partial<ThreadOptions<never[]>>
    const work = thread?.href ?? given
    this.#registry.validate('job', name, work)
    const options = (transfer === undefined ? rest : { retries: 0, ...rest }) as JobOptions<never[]>
    const settings = validateJob(`job("${name}")`, options)
    const { concurrency, rate, version } = settings
    const most = thread === undefined ? concurrency : Math.min(concurrency, threads)
    const isLimited = most !== Infinity || rate !== undefined
    // The limits hold for the calls of all definitions of the job.
    const earlier = this.#registry.limiterOf(name, work, site)
    earlier?.change(most, rate)
    const limiter = isLimited ? (earlier ?? new Limiter(most, rate)) : undefined
    const signal = () => (this.#scheduler.current.task as Task).signal
    const handler = thread === undefined ? (given as Handler) : inThread(name, thread, transfer, signal)
    const tasks = new TaskDefinition(settings, name, {
      handler,
      limiter,
      buffer: this.#bufferOf(name, settings),
      pause: this.#pauseOf(name),
    })
    const definition = new JobDefinition(tasks, settings, handler, version)
    this.#registry.add(definition, work, site)
    this.#worker.tellJobs()
    return this.#handle(definition)
  }

  #pauseOf(name: string): Pause {
    const { pauses, paused } = this.#registry
    const pause = pauses.get(name) ?? new Pause(this.#scheduler.completion)
    pauses.set(name, pause)
    if (paused.has(name)) pause.set(true)
    return pause
  }

  async #pause({ name, settings }: JobDefinition, isOn: boolean): Promise<void> {
    this.#scheduler.lifecycle.requireOpen(`${name}.${isOn ? 'pause' : 'resume'}`)
    const { journal } = this.#registry
    if (journal !== undefined && settings.keep) await journal.pause(name, isOn)
    else this.#pauseOf(name).set(isOn)
  }

  /** The buffer in which calls wait that are in memory: one for all definitions of a job. */
  #bufferOf(name: string, { lane, debounce }: JobSettings): TaskBuffer | undefined {
    const buffers = lane === undefined ? this.#debounced : this.#lanes
    if (lane === undefined && debounce === undefined) return undefined
    const buffer = buffers.get(name) ?? (lane === undefined ? new DebounceBuffer(this.#scheduler) : new LaneBuffer())
    buffers.set(name, buffer)
    return buffer
  }

  batch<T>(name: string, handler: BatchHandler<T>, options: BatchOptions, site: DefinitionSite | undefined): Batch<T> {
    this.#registry.validate('batch', name, handler)
    const resolved = validateBatch(`batch("${name}")`, options)
    const { size, within, timeout, ...rest } = resolved
    const buffer = new BatchBuffer(name, handler, this.#scheduler, this.#worker, resolved)
    const settings = validateJob(`batch("${name}")`, rest)
    const tasks = new TaskDefinition(settings, name, { buffer, pause: this.#pauseOf(name) })
    const items = new JobDefinition(tasks, settings, handler as Handler, 1)
    this.#registry.add(items, handler, site)
    this.#worker.tellJobs()
    const defer = (item: T) => this.#defer(items, [item]) as Deferred<void>
    const pauses = { pause: () => this.#pause(items, true), resume: () => this.#pause(items, false) }
    const inRequest = (address: object): Batch<T> => {
      return { name, defer: addressed(`batch("${name}").in`, address, defer as never), in: inRequest, ...pauses }
    }
    return { name, defer, in: inRequest, ...pauses }
  }

  /** Makes the handle of a job. */
  #handle(definition: JobDefinition): Job<never[]> {
    const { name, settings } = definition
    const handle: Job<never[]> = {
      name,
      defer: (...args) => {
        const dispatchOnly = dispatchOnlyOf(settings)
        if (dispatchOnly !== undefined)
          throw new AfterwordError('AFTERWORD_DISPATCH_ONLY', [name, dispatchOnly, dispatchOnly])
        definition.check(args)
        return this.#defer(definition, args) as Deferred<never>
      },
      dispatch: async (...args) => {
        definition.check(args)
        return this.#dispatch(definition, args)
      },
      cancel: async (of) => {
        this.#scheduler.lifecycle.requireOpen(`${name}.cancel`)
        const { key } = validateCancel(`job("${name}").cancel`, of)
        const { journal } = this.#registry
        if (journal !== undefined && settings.keep) return journal.withdraw({ job: name, key })
        if (settings.debounce !== undefined) return this.#cancelDebounced(name, key)
        return this.#uniqueKeys.holder(name, key)?.cancel() ?? false
      },
      pause: () => this.#pause(definition, true),
      resume: () => this.#pause(definition, false),
      with: (options: CallOptions<never[]>) =>
        this.#handle(definition.with(definition.validate(options))) as Job<never>,
      in: (address) => jobIn(handle, address),
    }
    return handle
  }

  /** Cancels all calls in memory with a key: a call takes the place of an earlier one when its turn comes. */
  #cancelDebounced(name: string, key: string): boolean {
    const waiting = [...this.#scheduler.backlog.tasks()].filter(
      ({ definition, state }) => definition.buffer === this.#debounced.get(name) && state === 'waiting',
    )
    return waiting.filter((task) => keyOf(task) === key && task.cancel()).length > 0
  }

  /** The journal that keeps the calls of a definition. */
  #journalOf(definition: JobDefinition): Journal | undefined {
    const { journal } = this.#registry
    if (journal === undefined || !definition.settings.keep) return undefined
    if (this.#registry.restore(definition)) this.#worker.tellJobs()
    return journal
  }

  /** Makes the record of a call, with its trace context where calls are traced. */
  #create(journal: Journal, call: JobCall): JobRecord {
    const tracer = this.#scheduler.current.tracers.at(-1)
    if (tracer === undefined) return journal.create(call)
    return tracer.call(call.job, (trace) => journal.create(traced(call, trace)))
  }

  /** Adds a call as a task of this process. */
  #defer(definition: JobDefinition, args: readonly unknown[], isDispatched = false): Task {
    const { name, settings, tasks, handler } = definition
    const uniqueKey = definition.uniqueKey(args)
    definition.lane(args)
    const journal = this.#journalOf(definition)
    const isApart = isDispatched || settings.now
    const asksResponse = settings.when !== 'always' && !isApart
    const response = asksResponse ? this.#scheduler.current.scope?.response : undefined
    const record = journal && this.#create(journal, definition.call(args, uniqueKey, isDispatched, response))
    const ofTask = record?.isShared ? definition.sharedTasks(this.#unloading) : tasks
    const task = addTask(this.#scheduler, ofTask, handler, args, isApart, record)
    task.expiresAt = definition.expiresAt
    if (record?.isClaim) this.#worker.expect(task, name)
    // Debounced calls of one key replace each other.
    const isUnique = record === undefined && settings.debounce === undefined
    if (isUnique && uniqueKey !== undefined) this.#uniqueKeys.claim(task, name, uniqueKey, settings.uniqueFor)
    return task
  }

  /** Runs a call in this process if that has room at once; else stores the call until a worker claims it. */
  async #dispatch(definition: JobDefinition, args: readonly unknown[]): Promise<string> {
    const { name, settings } = definition
    const { current, lifecycle } = this.#scheduler
    lifecycle.requireOpen(name)
    const journal = this.#journalOf(definition)
    if (settings.tx !== undefined) return this.#enqueue(definition, args, settings.tx)
    if (settings.confirm !== undefined && journal?.engine === undefined)
      throw new AfterwordError('AFTERWORD_NO_ENGINE', [name])
    if (journal === undefined && settings.delay > 0) throw new AfterwordError('AFTERWORD_NEEDS_JOURNAL', [name])
    const isAtOnce = settings.delay === 0 && definition.shared === undefined
    if (journal === undefined || (isAtOnce && journal.hasRoom(name))) {
      const task = this.#defer(definition, args, true)
      await stored(task.record, definition.uniqueKey(args) !== undefined)
      return task.id
    }
    const uniqueKey = definition.uniqueKey(args)
    const call = definition.call(args, uniqueKey)
    const record = this.#create(journal, {
      delay: settings.delay,
      ...call,
      shared: true,
      confirmed: settings.confirm !== undefined,
    })
    // A refusal may come later, as code of another request.
    const { scope } = current
    scope?.expect(record)
    record.submit((why) => void (why === 'refused' && scope?.refused()))
    this.#tellDispatched(record.id, name, args)
    // Whoever calls after this one, in whichever process, comes after it in its lane.
    await stored(record, uniqueKey !== undefined || definition.shared !== undefined)
    if ((journal.moving ?? 0) > mostMoving && record.ready !== undefined) await within(longestMove, record.ready)
    return record.id
  }

  /** Adds a call in a transaction of the app, whatever else the journal has. */
  async #enqueue(definition: JobDefinition, args: readonly unknown[], tx: object): Promise<string> {
    const { name, settings } = definition
    const journal = this.#journalOf(definition)
    if (journal?.enqueue === undefined) {
      const place = journal === undefined ? 'memory' : (journal.engine ?? 'a journal in a folder')
      throw new AfterwordError('AFTERWORD_NO_TRANSACTIONS', [name, place])
    }
    const call = { delay: settings.delay, ...definition.call(args, definition.uniqueKey(args)), shared: true }
    const add = async (trace?: string) => (await journal.enqueue?.(traced(call, trace), tx)) as string
    const id = await (this.#scheduler.current.tracers.at(-1)?.enqueue(name, add) ?? add())
    this.#tellDispatched(id, name, args)
    return id
  }

  #tellDispatched(id: string, name: string, args: readonly unknown[]): void {
    if (isHeard('call:dispatched')) channels['call:dispatched'].publish({ id, name, args })
    const { scope, recorder } = this.#scheduler.current
    if (scope !== undefined) recorder?.dispatched(scope, id, name)
  }
}

/** The call with its trace context, if it is traced. */
function traced(call: JobCall, trace: string | undefined): JobCall {
  return trace === undefined ? call : { ...call, options: { ...call.options, trace } }
}

/** The option of a call that only `dispatch` knows. */
function dispatchOnlyOf({ delay, tx, confirm }: JobSettings): string | undefined {
  if (delay > 0) return 'delay'
  if (tx !== undefined) return 'tx'
  return confirm && 'confirm'
}

/** Makes a handle of the same job, whose calls belong to the request that is addressed. */
function jobIn(job: Job<never[]>, address: object): Job<never[]> {
  const { name } = job
  const what = `job("${name}").in`
  const dispatch = addressed(what, address, job.dispatch)
  return {
    name,
    defer: addressed(what, address, job.defer) as Job<never[]>['defer'],
    dispatch: async (...args) => dispatch(...args),
    cancel: job.cancel,
    pause: job.pause,
    resume: job.resume,
    with: (options: CallOptions<never[]>) => jobIn(job.with(options) as Job<never[]>, address) as Job<never>,
    in: (other) => jobIn(job, other),
  }
}

/** Resolves when a record is accepted, and known to the other processes if it has to be, for its unique key or its lane. */
async function stored(record: JobRecord | undefined, isKnown: boolean): Promise<void> {
  await record?.entered
  if (isKnown && record?.isAccepted) await record.ready
}

/** @throws AfterwordError `AFTERWORD_INVALID_OPTION` where the module of a thread job is no URL */
function isThread(name: string, work: unknown): work is ThreadOptions {
  if (typeof work !== 'object' || work === null || !('thread' in work)) return false
  if (work.thread instanceof URL) return true
  const expected = "the URL of a module, new URL('./render.ts', import.meta.url)"
  throw new AfterwordError('AFTERWORD_INVALID_OPTION', [`job("${name}")`, 'thread', expected, describe(work.thread)])
}
