import type { Measurements } from '../../metrics.ts'
import { bounds, type Histogram } from '../../schedule/histogram.ts'
import type { Quantiles } from '../views.ts'

/** The totals of an instance at a moment: what has ended so far, and all waits and runs, in the buckets of histograms. */
export interface Totals {
  readonly done: number
  readonly failed: number
  readonly wait: readonly number[]
  readonly run: readonly number[]
}

export function totalsOf({ status, measured }: Measurements): Totals {
  const sum = (histograms: readonly Histogram[]) => {
    const counts = new Array<number>(bounds.length + 1).fill(0)
    for (const histogram of histograms)
      for (const [bucket, count] of histogram.counts.entries()) counts[bucket]! += count
    return counts
  }
  return {
    done: status.done,
    failed: status.failed + status.timedOut,
    wait: sum(measured.map(({ wait }) => wait)),
    run: sum(measured.map(({ run }) => run)),
  }
}

/**
 * Finds the quantiles of the times that came between two totals; `undefined` where none did. Within a bucket, times count as spread evenly. The last
 * bucket has no end: how long its times are is not known.
 */
export function quantilesBetween(before: readonly number[], after: readonly number[]): Quantiles | undefined {
  // Other names may have been told apart before: no bucket shrinks.
  const counts = after.map((count, bucket) => Math.max(0, count - (before[bucket] ?? 0)))
  const all = counts.reduce((sum, count) => sum + count, 0)
  return all === 0 ? undefined : { p50: quantile(counts, all * 0.5), p95: quantile(counts, all * 0.95) }
}

function quantile(counts: readonly number[], rank: number): number | null {
  let past = 0
  for (const [bucket, count] of counts.entries()) {
    if (past + count < rank || count === 0) {
      past += count
      continue
    }
    const from = bounds[bucket - 1] ?? 0
    const to = bounds[bucket]
    if (to === undefined) return null
    return from + ((to - from) * (rank - past)) / count
  }
  return null
}
