import type { PointView } from '../../views.ts'
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
  const perSecond = 1000 / step
  return {
    dates: at.map((_, index) => first + index * step),
    throughput: [
      line('done', 'after', ({ done }) => done * perSecond),
      line('failed', 'fail', ({ failed }) => failed * perSecond),
    ],
    due: [line('tasks that could begin', 'after', ({ due }) => due)],
    oldest: [line('oldest due', 'wait', ({ oldestDue }) => oldestDue)],
    wait: [line('median', 'after', ({ wait }) => wait?.p50), line('95 %', 'soft', ({ wait }) => wait?.p95)],
    run: [line('median', 'after', ({ run }) => run?.p50), line('95 %', 'soft', ({ run }) => run?.p95)],
    loop: [line('delay', 'ink', ({ loopDelay }) => loopDelay)],
    held: [line('responses that wait', 'wait', ({ held }) => held)],
  }
}
