import type { StreamOutput } from '../adapters/handler/answer.ts'
import type { Afterword } from '../afterword.ts'
import { clearTimeout, clock } from '../clock.ts'
import type { ListedProcess, Overview, ShownState } from '../journal/inspection/listed.ts'
import type { Measurements, Metrics } from '../metrics.ts'
import { rootContext } from '../schedule/current.ts'
import type { Status } from '../status.ts'
import { setTimer } from '../timers.ts'
import { version } from '../version.ts'
import { History } from './now/history.ts'
import { storeWarnings, unreadableWarnings, warningsOf } from './now/warnings.ts'
import { mostRequests, RecentRequests } from './recent-requests.ts'
import type { DeskOpener } from './records/desk-opener.ts'
import { eventText, Streams } from './streams.ts'
import type { HelloView, NowView, ProcessView } from './views.ts'

/** The time in ms between two samples, and that between two tellings of requests. */
const interval = 1000
const requestInterval = 250
/** The time in ms for which requests are recorded after the last page was closed: it may be loaded again. */
const keptRecording = 60_000
/** The most unfinished tasks that are counted by name each second. */
const mostCounted = 10_000

/** The instance of the process that answers, with its metrics. */
export interface OwnInstance {
  readonly afterword: Afterword
  readonly metrics: Metrics
}

/** The live part of a dashboard: samples the instance once a second, and sends events to all open pages. */
export class Live {
  readonly streams: Streams
  readonly #own: OwnInstance | undefined
  readonly #records: DeskOpener
  readonly #history = new History()
  readonly #startedAt = Math.round(clock.date() - clock.now())
  #recent: RecentRequests | undefined
  /** The number of changes of requests that pages have been told. */
  #told = 0
  #seenAt = clock.now()
  /** The moment since which responses are held, without a break. */
  #heldSince: number | undefined
  #sampling: NodeJS.Timeout | undefined
  #telling: NodeJS.Timeout | undefined
  #measurements: Measurements | undefined

  constructor(own: OwnInstance | undefined, records: DeskOpener) {
    this.#own = own
    this.#records = records
    this.streams = new Streams(own?.afterword, () => this.#follow())
    // A page that comes back after a crash sees what the process runs at once: the calls that were left to it.
    if (own !== undefined) this.#recent = RecentRequests.open(own.metrics)
    this.#follow()
  }

  /** Opens a stream. @returns a function that is to be called when it has ended */
  open(output: StreamOutput, role: HelloView['role']): () => void {
    if (this.#own !== undefined) this.#recent ??= RecentRequests.open(this.#own.metrics)
    const hello: HelloView = {
      now: clock.date(),
      version,
      role,
      pid: this.#own && process.pid,
      store: this.#records.kind,
      mostRequests,
    }
    return this.streams.add(output, [
      eventText('hello', hello),
      eventText('now', this.#read()),
      eventText('points', this.#history.points),
      eventText('requests', this.#recent?.changedSince(0) ?? []),
    ])
  }

  /** Sets the timers that are needed: there are none while nobody looks, but for that of the history. */
  #follow(): void {
    const isSeen = this.streams.size > 0
    if (isSeen || this.#own !== undefined || this.#recent !== undefined) {
      this.#sampling ??= later(() => this.#sample(), interval)
    }
    if (isSeen && this.#own !== undefined) this.#telling ??= later(() => this.#tell(), requestInterval)
    if (isSeen || this.#telling === undefined) return
    clearTimeout(this.#telling)
    this.#telling = undefined
  }

  #sample(): void {
    this.#sampling = undefined
    this.#measurements = this.#own?.metrics.read()
    const points = this.#measurements && this.#history.add(this.#measurements)
    if (this.streams.size > 0) {
      this.#seenAt = clock.now()
      this.streams.endOld()
      if (points !== undefined) this.streams.send('points', points)
      this.streams.send('now', this.#read())
    } else this.#rest()
    this.#follow()
  }

  /** Tells the requests that have changed. */
  #tell(): void {
    this.#telling = undefined
    const recent = this.#recent
    if (recent !== undefined && recent.changes > this.#told) {
      const changed = recent.changedSince(this.#told)
      this.#told = recent.changes
      this.streams.send('requests', changed)
    }
    this.#follow()
  }

  /** Lets go of what is only needed while somebody looks. */
  #rest(): void {
    this.#records.closeIdle()
    if (this.#recent === undefined || clock.now() - this.#seenAt < keptRecording) return
    this.#recent.close()
    this.#recent = undefined
    this.#told = 0
  }

  /** Reads the numbers of the moment. */
  #read(): NowView {
    const { latest, unreadable } = this.#records.desk
    const stored = latest === undefined ? [] : storeWarnings(latest)
    const rest = unreadableWarnings(unreadable)
    const common = { now: clock.date(), sampled: this.#recent?.sampled ?? 1 }
    const measurements = (this.#measurements ??= this.#own?.metrics.read())
    if (measurements === undefined) {
      const processes = latest?.processes.map(foreign) ?? []
      return { ...common, warnings: [...stored, ...rest], processes, ...storeNumbers(latest) }
    }
    const { status } = measurements
    this.#heldSince = status.held === 0 ? undefined : (this.#heldSince ?? clock.now())
    const heldFor = this.#heldSince === undefined ? 0 : clock.now() - this.#heldSince
    const others = stored.filter(({ id }) => !status.paused.some((job) => id === `paused ${job}`))
    const warnings = [...warningsOf(status, heldFor), ...others, ...rest]
    const { unsent, backlog: due, running, retrying, delayed, held, oldestAge: oldestDue } = status
    const processes = this.#processes(latest, status)
    return { ...common, warnings, processes, unsent, due, running, retrying, delayed, held, oldestDue }
  }

  #processes({ processes }: Pick<Overview, 'processes'> = { processes: [] }, status: Status): ProcessView[] {
    const isFew = status.backlog + status.running + status.unsent < mostCounted
    const running = (isFew ? status.tasks : []).flatMap(({ name, running: count }) =>
      count > 0 ? [{ name, count }] : [],
    )
    const { pid } = process
    const jobs = processes.find((each) => each.pid === pid)?.jobs ?? []
    const own = { pid, version, isThis: true, startedAt: this.#startedAt, jobs, running }
    return [own, ...processes.filter((each) => each.pid !== pid).map(foreign)]
  }
}

/** Makes the view of another process. */
function foreign(process: ListedProcess): ProcessView {
  return { ...process, version: undefined, isThis: false, startedAt: undefined }
}

/** The numbers of a store that is looked at from outside. */
function storeNumbers(overview: Overview | undefined) {
  const count = (state: ShownState) =>
    overview?.counts.reduce((sum, each) => sum + (each.state === state ? each.count : 0), 0) ?? 0
  const zero = { unsent: 0, retrying: 0, held: 0, oldestDue: 0 }
  return { ...zero, due: count('pending'), running: count('running'), delayed: count('later') }
}

/** Sets a timer that holds no process, and that belongs to no request. */
function later(fn: () => void, ms: number): NodeJS.Timeout {
  return rootContext.runInAsyncScope(setTimer, undefined, fn, ms).unref()
}
