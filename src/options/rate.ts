import { isCount, isTime } from './validate.ts'

/**
 * A rate lets `runs` runs begin within any `per` ms.
 *
 * @example
 * const hundredAMinute: Rate = { runs: 100, per: 60_000 }
 */
export interface Rate {
  readonly runs: number
  readonly per: number
}

/** The value is a rate, of any realm: tests may run in one of their own. */
export function isRate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { runs, per, ...rest } = value as { runs?: unknown; per?: unknown }
  return isCount(1)(runs) && runs !== Infinity && isTime(per) && Object.keys(rest).length === 0
}
