import { isCount, isTime, optional, type Rules } from './validate.ts'

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

export const rateRules: Rules<Rate> = {
  runs: {
    ...optional('a whole number, 1 or more', (value) => isCount(1)(value) && value !== Infinity),
    required: true,
  },
  per: { ...optional('a number of milliseconds, 0 or more', isTime), required: true },
}
