import { AfterwordError } from './errors.ts'
import { type LoopDelay, LoopMonitor } from './loop-delay.ts'
import type { JournalOptions } from './options/journal-options.ts'
import type { MetricsOptions } from './options/metrics-options.ts'
import type { Backlog } from './schedule/backlog.ts'
import { Meter, type TaskMeasurements } from './schedule/meter.ts'
import type { Scheduler } from './schedule/scheduler.ts'
import type { Status } from './status.ts'
import type { Recorder } from './task/recording.ts'
import type { Task } from './task/task.ts'

/**
 * The measurements of an instance at a moment.
 *
 * @example
 * for (const { name, attempts, run } of metrics.read().measured) console.log(name, attempts, run.sum / run.count)
 */
export interface Measurements {
  /** The status at the moment of the reading. */
  readonly status: Status
  /** The measurements by name. */
  readonly measured: readonly TaskMeasurements[]
  /** The delay of the event loop since the last reading; `undefined` where it is not measured. */
  readonly loopDelay: LoopDelay | undefined
}

/** The readers of the meter of each backlog. */
const readers = new WeakMap<Backlog, Set<Metrics>>()

/**
 * Metrics read the measurements of an instance, from `instance().metrics()` until they are closed.
 *
 * @example
 * const metrics = instance().metrics()
 * app.get('/backlog', (req, res) => res.json(metrics.read().status.backlog))
 */
export class Metrics implements Disposable {
  readonly #scheduler: Scheduler
  readonly #backlog: Backlog
  readonly #status: () => Status
  readonly #loop: LoopMonitor | undefined
  #isClosed = false

  /** @internal */
  constructor(scheduler: Scheduler, status: () => Status, { loopDelay }: Required<MetricsOptions>) {
    const { backlog } = scheduler
    this.#scheduler = scheduler
    this.#backlog = backlog
    this.#status = status
    this.#loop = loopDelay ? LoopMonitor.start() : undefined
    const all = readers.get(backlog) ?? new Set()
    readers.set(backlog, all.add(this))
    backlog.meter ??= new Meter()
  }

  /** Reads the measurements so far. @throws AfterwordError `AFTERWORD_METRICS_CLOSED` */
  read(): Measurements {
    const { meter } = this.#backlog
    if (this.#isClosed || meter === undefined) throw new AfterwordError('AFTERWORD_METRICS_CLOSED')
    return { status: this.#status(), measured: meter.measurements, loopDelay: this.#loop?.read() }
  }

  /** The options of the journal of the instance; `undefined` where there is none. @internal */
  get journal(): JournalOptions | undefined {
    const { journal } = this.#scheduler.settings
    return typeof journal === 'string' ? { path: journal } : journal
  }

  /** The unfinished tasks in the memory of this process, from the oldest on. @internal */
  get tasks(): Iterable<Task> {
    return this.#backlog.tasks()
  }

  /** The recorder of the requests of the instance, which records from when it is set; `undefined` while nobody looks. @internal */
  get recorder(): Recorder | undefined {
    return this.#scheduler.current.recorder
  }

  set recorder(recorder: Recorder | undefined) {
    this.#scheduler.current.recorder = recorder
  }

  /** Ends the measuring, unless other metrics of the instance are open. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#loop?.stop()
    const all = readers.get(this.#backlog)
    all?.delete(this)
    if (all?.size === 0) this.#backlog.meter = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
