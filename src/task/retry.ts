import { longestTimer } from '../options/validate.ts'

/** Exponential backoff: `base * factor ** (attempt - 1)`, at most `max`, then full jitter. Milliseconds. */
export interface ExponentialBackoff {
  /** Upper bound of the first delay. @default 1000 */
  readonly base?: number
  /** By how much the bound grows from one attempt to the next. @default 2 */
  readonly factor?: number
  /** No delay is longer. @default 60000 */
  readonly max?: number
}

/** A fixed delay in ms, an exponential one with full jitter, or a function of the attempt that failed (1, 2, …). */
export type Backoff = number | ExponentialBackoff | ((attempt: number, error: unknown) => number)

/** On the class: another copy of the package recognises it. */
const decision = Symbol.for('afterword.retry')

/** Thrown by a handler that knows better than its `backoff` when to try again, or that there is no point in it. */
export class Retry extends Error {
  override readonly name = 'Retry'
  /** In ms; `undefined` for never. */
  readonly [decision]: number | undefined

  private constructor(message: string, delay: number | undefined, options?: ErrorOptions) {
    super(message, options)
    this[decision] = delay
  }

  /** Again in `ms`, if there is an attempt left: what a `Retry-After` header says, for instance. */
  static after(ms: number, options?: ErrorOptions): Retry {
    return new Retry(`Try again in ${ms} ms`, Math.max(0, ms), options)
  }

  /** Not again: the outcome is `failed`. */
  static never(reason: string, options?: ErrorOptions): Retry {
    return new Retry(reason, undefined, options)
  }
}

/**
 * How long to wait after a failed attempt (1, 2, …), in ms; `undefined` to give up.
 * Throws what a `backoff` function throws. Full jitter spreads the retries of many tasks that failed together:
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
  const asked = decided ? (error as Retry)[decision] : Number.NaN
  if (asked === undefined) return undefined
  // What was made of a header that is no number says nothing.
  return Math.min(Number.isNaN(asked) ? backoffDelay(attempt, backoff, error, random) : asked, longestTimer)
}

function backoffDelay(attempt: number, backoff: Backoff, error: unknown, random: () => number): number {
  if (typeof backoff === 'number') return backoff
  if (typeof backoff === 'function') return Math.max(Number(backoff(attempt, error)) || 0, 0)
  const { base = 1000, factor = 2, max = 60_000 } = backoff
  return random() * Math.min(max, base * factor ** (attempt - 1))
}
