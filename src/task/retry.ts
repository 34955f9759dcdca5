import type { Backoff } from '../options/backoff.ts'
import { longestTime } from '../timers.ts'

/** The key of the delay that a `Retry` decides on, on the class: another copy of the package finds it. */
const decision = Symbol.for('afterword.retry')

/**
 * A handler throws a `Retry` where it knows better than `backoff` when to try again, or that there is no point in it.
 *
 * @example
 * const response = await fetch(url)
 * if (response.status === 429) throw Retry.after(Number(response.headers.get('retry-after')) * 1_000)
 * if (response.status === 410) throw Retry.never('The account is gone')
 */
export class Retry extends Error {
  override readonly name = 'Retry'
  /** The delay in ms; `undefined` for never. */
  declare readonly [decision]: number | undefined

  private constructor(message: string, delay: number | undefined, options?: ErrorOptions) {
    super(message, options)
    // A log of the error shows what it says, and no symbol of this library.
    Object.defineProperty(this, decision, { value: delay })
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

/** The retries of a task as its options say; what they leave out depends on whether the task is kept. */
interface RetryOptions {
  readonly retries: number | undefined
  readonly backoff: Backoff
}

/**
 * The retries of jobs whose options say nothing of them. What is in memory is tried again for a minute or so: a drain waits for it. What is kept
 * outlives an outage of hours: twenty delays of half their bound are a day, and at most two.
 */
const inMemory = { retries: 5, max: 60_000 }
const inJournal = { retries: 20, max: 8 * 3_600_000 }

/** A failed attempt. */
interface FailedAttempt {
  /** 1 for the first run. */
  readonly attempt: number
  readonly error?: unknown
  /** The task has a record in the journal. */
  readonly isKept: boolean
}

/** The most runs of a task after the first one. */
export function retriesOf({ retries }: RetryOptions, isKept: boolean): number {
  return retries ?? (isKept ? inJournal : inMemory).retries
}

/**
 * Computes the delay after a failed attempt, in ms; `undefined` gives up.
 * Throws the error of a `backoff` function that throws. Full jitter spreads the retries of many tasks that failed together:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelay(
  options: RetryOptions,
  { attempt, error, isKept }: FailedAttempt,
  random: () => number = Math.random,
): number | undefined {
  if (attempt > retriesOf(options, isKept)) return undefined
  const decided = typeof error === 'object' && error !== null && decision in error
  const asked: unknown = decided ? (error as Retry)[decision] : Number.NaN
  if (asked === undefined) return undefined
  // A delay that was made of a header without a number decides nothing.
  if (typeof asked === 'number' && !Number.isNaN(asked)) return Math.min(Math.max(asked, 0), longestTime)
  const { backoff } = options
  if (typeof backoff === 'number') return Math.min(backoff, longestTime)
  if (typeof backoff === 'function') return Math.min(Math.max(Number(backoff(attempt, error)) || 0, 0), longestTime)
  const { base = 1000, factor = 2, max = (isKept ? inJournal : inMemory).max } = backoff
  // Zero times infinity is no number, and no delay.
  return random() * Math.min(max, longestTime, base * factor ** (attempt - 1) || 0)
}
