import { clock } from '../clock.ts'
import type { Metrics } from '../metrics.ts'
import type { Recorder, Recording } from '../task/recording.ts'
import { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import type { Task } from '../task/task.ts'
import { openedAtOf, RecordedRequest } from './recorded-request.ts'
import { RequestSample } from './request-sample.ts'
import type { RequestView } from './views.ts'

/** The most requests that are remembered, and the most pieces of work outside requests. */
export const mostRequests = 300
const mostOutside = 100
/** The number of requests of a second that are recorded, about: then one of several is. */
const perSecond = 25
/** The most dispatched calls whose tasks are looked for. */
const mostDispatched = 10_000

/**
 * The recent requests of an instance that have deferred something, and their tasks; and, apart, recent work outside requests: jobs that were
 * dispatched or recovered, timers. A request that is left out costs a reading of the clock and some comparisons.
 */
export class RecentRequests implements Recorder, Disposable {
  readonly #metrics: Metrics
  readonly #requests = new Kept(mostRequests)
  readonly #outside = new Kept(mostOutside)
  /** The requests by the dispatched calls whose tasks are still to come. */
  readonly #dispatchers = new Map<string, RecordedRequest>()
  /** The rows of work outside requests, by scope: tasks that such work defers belong to its row. */
  readonly #ofWork = new WeakMap<Scope, RecordedRequest>()
  readonly #origin = clock.date().toString(36)
  #serial = 0
  /** The number of changes so far, and that of the last change of each row. */
  #changes = 0
  readonly #changedAt = new WeakMap<RecordedRequest, number>()
  #looking = 1

  private constructor(metrics: Metrics) {
    this.#metrics = metrics
    metrics.recorder = this
  }

  /** Begins to record the requests of an instance, or joins those who do. */
  static open(metrics: Metrics): RecentRequests {
    const { recorder } = metrics
    if (!(recorder instanceof RecentRequests)) return new RecentRequests(metrics)
    recorder.#looking++
    return recorder
  }

  /** The share of the requests that is recorded at the moment: 1 for all. */
  get sampled(): number {
    return this.#requests.sample.share
  }

  /** The number of changes so far, for `changedSince`. */
  get changes(): number {
    return this.#changes
  }

  /** Lists the rows that have changed after so many changes; with 0 all of them. The newest stands last. */
  changedSince(changes: number): RequestView[] {
    const rows = [...this.#requests.rows, ...this.#outside.rows]
    const changed = rows.filter((row) => (this.#changedAt.get(row) ?? 0) > changes)
    return changed.map(({ view }) => view).sort((a, b) => a.at - b.at)
  }

  /** @internal */
  record(task: Task): Recording | undefined {
    // The items of a batch are told, and not the run that they share.
    if (task.definition.internal) return undefined
    const dispatcher = task.record === undefined ? undefined : this.#dispatchers.get(task.id)
    if (dispatcher !== undefined) {
      this.#dispatchers.delete(task.id)
      this.#ofWork.set(task.scope, dispatcher)
    }
    const row = dispatcher ?? this.#rowOf(task.scope)
    row?.added(task)
    return row
  }

  /** @internal */
  dispatched(scope: Scope, id: string, job: string): void {
    const row = this.#rowOf(scope)
    if (!row?.isListed) return
    const isFollowed = this.#dispatchers.size < mostDispatched
    row.dispatched(id, job, isFollowed)
    if (isFollowed) this.#dispatchers.set(id, row)
  }

  /** Finds the row of a scope, or makes it, unless the scope is left out. */
  #rowOf(scope: Scope): RecordedRequest | undefined {
    if (!(scope instanceof RequestScope)) {
      const row = this.#ofWork.get(scope) ?? this.#add(scope, this.#outside)
      if (row !== undefined) this.#ofWork.set(scope, row)
      return row
    }
    if (scope.recording === undefined) scope.recording = this.#add(scope, this.#requests) ?? null
    return (scope.recording as RecordedRequest | null) ?? undefined
  }

  #add(scope: Scope, kept: Kept): RecordedRequest | undefined {
    if (!kept.sample.takes(openedAtOf(scope))) return undefined
    const row = new RecordedRequest(`${this.#origin}-${++this.#serial}`, scope, this.#changed)
    const gone = kept.add(row)
    if (gone === undefined) return row
    gone.isListed = false
    for (const id of gone.dispatchedIds) this.#dispatchers.delete(id)
    return row
  }

  /** Ends the recording, unless others look. */
  close(): void {
    if (--this.#looking > 0 || this.#metrics.recorder !== this) return
    this.#metrics.recorder = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }

  readonly #changed = (row: RecordedRequest): void => {
    this.#changedAt.set(row, ++this.#changes)
  }
}

/** The rows of one kind, of which the oldest make room. */
class Kept {
  readonly rows: RecordedRequest[] = []
  readonly sample = new RequestSample(perSecond)
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  /** @returns the row that made room */
  add(row: RecordedRequest): RecordedRequest | undefined {
    this.rows.push(row)
    return this.rows.length > this.#most ? this.rows.shift() : undefined
  }
}
