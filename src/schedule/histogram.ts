/** The upper bounds of the buckets in ms. The last bucket has what took longer. */
export const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const

/**
 * Times in buckets.
 *
 * @example
 * const slow = run.counts.at(-1) // the runs that took longer than 10 s
 */
export interface Histogram {
  /** The number of times in each bucket: those up to 5 ms, then those up to 10 ms, and so on; the last one has those above 10 s. */
  readonly counts: readonly number[]
  /** The number of all times. */
  readonly count: number
  /** The sum of all times in ms. */
  readonly sum: number
}

/** A histogram that grows. */
export class Times implements Histogram {
  readonly counts: number[] = new Array<number>(bounds.length + 1).fill(0)
  count = 0
  sum = 0

  /** @param ms a time in ms */
  add(ms: number): void {
    let bucket = 0
    while (bucket < bounds.length && ms > bounds[bucket]!) bucket++
    this.counts[bucket]!++
    this.count++
    this.sum += ms
  }

  /** Makes a copy, which does not grow. */
  get copy(): Histogram {
    return { counts: [...this.counts], count: this.count, sum: this.sum }
  }
}
