/** A moment is a time in ms since the response was sent: what the client waited for is before 0. */
export type Moment = number

/** A mark on the axis: the moment, and where it stands from the left edge, from 0 to 1. */
export interface Tick {
  readonly moment: Moment
  readonly at: number
}

/** The place of the moment at which a response was sent, from 0 to 1. */
const sentAt = 0.24

/**
 * The scale of a waterfall. The moment at which the response was sent stands at one place for all requests. Handlers take milliseconds, and tasks
 * seconds: the time before that moment and the time after it have a measure each.
 */
export class TimeScale {
  /** The time in ms that is shown before the response was sent. */
  readonly before: number
  /** The time in ms that is shown after it. */
  readonly after: number
  /** The place of the end of the scale, from 0 to 1: behind it is room for a word. */
  readonly end: number
  readonly #step: number

  constructor(before: number, after: number, end: number) {
    this.end = end

    this.before = spanOf(Math.max(before, 1))[0]
    ;[this.after, this.#step] = spanOf(Math.max(after, 1))
  }

  /** Makes a scale on which most of the spans fit; the few that are much longer leave it. */
  static fitting(before: readonly number[], after: readonly number[], end: number): TimeScale {
    return new TimeScale(mostOf(before), mostOf(after), end)
  }

  /** The last place of a bar that leaves the scale. */
  get edge(): number {
    return this.end + 0.015
  }

  equals({ before, after, end }: TimeScale): boolean {
    return before === this.before && after === this.after && end === this.end
  }

  /** The place of a moment, from 0 to 1 where it is on the scale. */
  at(moment: Moment): number {
    return moment < 0 ? sentAt * (1 + moment / this.before) : sentAt + (this.end - sentAt) * (moment / this.after)
  }

  /** The marks of the axis, without the moment 0. */
  get ticks(): Tick[] {
    const after = Array.from({ length: Math.round(this.after / this.#step) }, (_, index) => (index + 1) * this.#step)
    return [-this.before, ...after].map((moment) => ({ moment, at: this.at(moment) }))
  }
}

/** The span that nine of ten have, but not less than a quarter of the longest: one that is a little longer needs no edge. */
function mostOf(spans: readonly number[]): number {
  const sorted = spans.toSorted((a, b) => a - b)
  const longest = sorted.at(-1) ?? 0
  const most = sorted[Math.floor((sorted.length - 1) * 0.9)] ?? 0
  return longest <= 4 * most ? longest : most
}

/** The ends of a scale, each with the distance of its marks, both times a power of ten. */
const ends: readonly (readonly [end: number, step: number])[] = [
  [1, 0.25],
  [1.5, 0.5],
  [2, 0.5],
  [3, 1],
  [4, 1],
  [5, 1],
  [6, 2],
  [8, 2],
  [10, 2.5],
]

/** Finds the end and the distance of the marks of a scale on which a span has room. */
function spanOf(span: number): [end: number, step: number] {
  const unit = 10 ** Math.floor(Math.log10(span))
  const [end, step] = ends.find(([end]) => end * unit >= span * 1.001) ?? [10, 2.5]
  return [end * unit, step * unit]
}
