import type { Backoff } from '../options/task-options.ts'
import { longestTime } from '../timers.ts'

/** The key of the delay that a `Retry` decides on, on the class: another copy of the package finds it. */
const decision = Symbol.for('afterword.retry')

/** A handler throws a `Retry` where it knows better than `backoff` when to try again, or that there is no point in it. */
export class Retry extends Error {
  override readonly name = 'Retry'
  /** The delay in ms; `undefined` for never. */
  readonly [decision]: number | undefined

  private constructor(message: string, delay: number | undefined, options?: ErrorOptions) {
    super(message, options)
    this[decision] = delay
  }

  /** Tries again in `ms`, if an attempt is left: the value of a `Retry-After` header, for instance. */
  static after(ms: number, options?: ErrorOptions): Retry {
    return new Retry(`Try again in ${ms} ms`, Math.max(0, ms), options)
  }

  /** Does not try again: the outcome is `failed`. */
  static never(reason: string, options?: ErrorOptions): Retry {
    return new Retry(reason, undefined, options)
  }
}

/**
 * Computes the delay after a failed attempt (1, 2, …), in ms; `undefined` gives up.
 * Throws the error of a `backoff` function that throws. Full jitter spreads the retries of many tasks that failed together:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelay(
  attempt: number,
  retries: number,
  backoff: Backoff,
  error?: unknown,
  random: () => number = Math.random,
): number | undefined {
  if (attempt > retries) return undefined
  const decided = typeof error === 'object' && error !== null && decision in error
  const asked: unknown = decided ? (error as Retry)[decision] : Number.NaN
  if (asked === undefined) return undefined
  // A delay that was made of a header without a number decides nothing.
  const isDelay = typeof asked === 'number' && !Number.isNaN(asked)
  return Math.min(isDelay ? Math.max(asked, 0) : backoffDelay(attempt, backoff, error, random), longestTime)
}

function backoffDelay(attempt: number, backoff: Backoff, error: unknown, random: () => number): number {
  if (typeof backoff === 'number') return backoff
  if (typeof backoff === 'function') return Math.max(Number(backoff(attempt, error)) || 0, 0)
  const { base = 1000, factor = 2, max = 60_000 } = backoff
  // Zero times infinity is no number, and no delay.
  return random() * Math.min(max, longestTime, base * factor ** (attempt - 1) || 0)
}
