import { isLive, type RememberedRow, type RememberedTask } from '../remembered-rows.ts'
import { serverNow } from '../server-clock.ts'
import type { Moment } from './time-scale.ts'

/** A part of a task's lane. A bar that is open goes on. */
export interface Bar {
  readonly kind: 'wait' | 'run' | 'pause'
  readonly from: Moment
  readonly to: Moment
  readonly isOpen: boolean
  /** The outcome of an attempt. */
  readonly outcome?: string | undefined
}

/** The time in ms since a request came in. That of a request whose process has ended stands still, unless another one goes on with it. */
export function elapsedOf(row: RememberedRow): number {
  const { at, brokenAt, tasks } = row
  if (brokenAt === undefined || isLive(row)) return Math.max(0, serverNow() - at)
  return Math.max(brokenAt, ...tasks.flatMap(({ attempts }) => attempts.map(({ from, to }) => to ?? from)))
}

/** The moment from which the moments of a request are counted, in ms since it came in: its response, or now while there is none. */
export function originOf({ sent }: RememberedRow, elapsed: number): number {
  return sent ?? elapsed
}

/** The time of a request from which on a task could begin: its response was sent, and the call made. */
export function dueOf({ deferred, attempts: [first] }: RememberedTask, origin: number): number {
  return Math.min(Math.max(deferred, origin), first?.from ?? Infinity)
}

/** Lists the bars of a task in the order of time: the wait for its first attempt, its attempts, and the pauses between them. */
export function barsOf(task: RememberedTask, origin: number, elapsed: number): Bar[] {
  const { attempts, state } = task
  const bars: Bar[] = []
  const add = (kind: Bar['kind'], from: number, to: number, more?: Partial<Bar>) => {
    if (to > from || kind === 'run') bars.push({ kind, from: from - origin, to: to - origin, isOpen: false, ...more })
  }
  let before = dueOf(task, origin)
  for (const { from, to, status } of attempts) {
    add(bars.length === 0 ? 'wait' : 'pause', before, from)
    const isOpen = to === undefined
    // An attempt that has an end and no outcome was broken off: its process has ended.
    add('run', from, to ?? elapsed, { isOpen, outcome: status ?? (isOpen ? undefined : 'lost') })
    before = to ?? elapsed
  }
  if (state === 'waiting' || state === 'retrying') {
    add(attempts.length === 0 ? 'wait' : 'pause', before, elapsed, { isOpen: true })
  }
  return bars
}

/** The end of the last attempt of a task in ms since its request came in; `undefined` where none has begun. */
function endOf({ attempts }: RememberedTask, elapsed: number): number | undefined {
  const last = attempts.at(-1)
  return last && (last.to ?? elapsed)
}

/** The task that ends last, or runs. */
export function lastOf(tasks: readonly RememberedTask[], elapsed: number): RememberedTask | undefined {
  const begun = tasks.filter(({ attempts }) => attempts.length > 0)
  return begun.toSorted((a, b) => endOf(b, elapsed)! - endOf(a, elapsed)!)[0]
}

/** The time in ms from the response to the end of the last attempt that has ended or runs. */
export function workAfter(row: RememberedRow, elapsed: number): number {
  const origin = originOf(row, elapsed)
  return Math.max(0, ...row.tasks.map((task) => (endOf(task, elapsed) ?? 0) - origin))
}
