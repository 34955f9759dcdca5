import type { PointView, Quantiles } from '../../views.ts'
import type { Line } from '../plot.tsx'

/** The lines of each plot, over the dates of the points. */
export interface Measured {
  readonly dates: readonly number[]
  readonly throughput: readonly Line[]
  readonly due: readonly Line[]
  readonly oldest: readonly Line[]
  readonly wait: readonly Line[]
  readonly run: readonly Line[]
  readonly loop: readonly Line[]
  readonly held: readonly Line[]
}

/** Makes the lines of points. A step without a point is a gap. @param step the time in ms from point to point @param span that of the plot */
export function measuredOf(points: readonly PointView[], step: number, span: number): Measured {
  const length = Math.round(span / step)
  const end = points.at(-1)?.at ?? 0
  const first = end - (length - 1) * step
  const at = Array<PointView | undefined>(length).fill(undefined)
  for (const point of points) {
    const index = Math.round((point.at - first) / step)
    if (index >= 0 && index < length) at[index] = point
  }
  const line = (name: string, tone: Line['tone'], value: (point: PointView) => number | undefined): Line => {
    return { name, tone, values: at.map((point) => point && value(point)) }
  }
  const quantiles = (of: (point: PointView) => Quantiles | undefined) => [
    line('median', 'after', (point) => timeOf(of(point)?.p50)),
    line('95 %', 'soft', (point) => timeOf(of(point)?.p95)),
  ]
  const perSecond = 1000 / step
  return {
    dates: at.map((_, index) => first + index * step),
    throughput: [
      line('done', 'after', ({ done }) => done * perSecond),
      line('failed', 'fail', ({ failed }) => failed * perSecond),
    ],
    due: [line('tasks that could begin', 'after', ({ due }) => due)],
    oldest: [line('oldest due', 'wait', ({ oldestDue }) => oldestDue)],
    wait: quantiles(({ wait }) => wait),
    run: quantiles(({ run }) => run),
    loop: [line('delay', 'ink', ({ loopDelay }) => loopDelay)],
    held: [line('responses that wait', 'wait', ({ held }) => held)],
  }
}

/** A time above all bounds is `Infinity`. */
const timeOf = (time: number | null | undefined) => (time === null ? Infinity : time)
