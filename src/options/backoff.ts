import { isTime, optional, type Rules } from './validate.ts'

/**
 * Exponential backoff: `base * factor ** (attempt - 1)`, at most `max`, then full jitter. Milliseconds.
 *
 * @example
 * job('sync', sync, { retries: 8, backoff: { base: 500, factor: 3, max: 60_000 } })
 */
export interface ExponentialBackoff {
  /** The upper bound of the first delay. @default 1000 */
  readonly base?: number
  /** The factor by which the bound grows from one attempt to the next. @default 2 */
  readonly factor?: number
  /** The longest delay. @default 60000, for kept jobs 28800000 */
  readonly max?: number
}

/**
 * A backoff is a fixed delay in ms, an exponential one with full jitter, or a function of the attempt that failed (1, 2, …).
 *
 * @example
 * job('sync', sync, { retries: 3, backoff: (attempt) => attempt * 1_000 })
 */
export type Backoff = number | ExponentialBackoff | ((attempt: number, error: unknown) => number)

export const backoffRules: Rules<ExponentialBackoff> = {
  base: optional('a number of milliseconds, 0 or more', isTime),
  factor: optional('a number, 0 or more', isTime),
  max: optional('a number of milliseconds, 0 or more', isTime),
}
