import { flag, type Rules, time, validate } from './validate.ts'

/**
 * The options of `readiness`.
 *
 * @example
 * app.get('/readyz', readiness({ maxOldestAge: 60_000 }))
 */
export interface ReadinessOptions {
  /** The time in ms for which the oldest task that is due may have been so: past it, the process is not ready. @default without limit */
  readonly maxOldestAge?: number
  /** A process whose engine is away is not ready. Behind a journal it takes calls all the same: `false` for a web server there. @default true */
  readonly engine?: boolean
}

const rules: Rules<ReadinessOptions> = { maxOldestAge: time(Infinity), engine: flag(true) }

export function validateReadiness(given: ReadinessOptions): Required<ReadinessOptions> {
  return validate('readiness', rules, given)
}
