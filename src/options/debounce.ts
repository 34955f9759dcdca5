import { isTime, optional, type Rules } from './validate.ts'

/**
 * A debounced call runs once no other one has come for `quiet` ms, or `longest` ms after the first one.
 *
 * @example
 * job('index', update, { key: (page: string) => page, debounce: { quiet: 2_000, longest: 30_000 } })
 */
export interface Debounce {
  readonly quiet: number
  /** @default without limit */
  readonly longest?: number
}

const part = optional('a number of milliseconds, 0 or more', isTime)

export const debounceRules: Rules<Debounce> = { quiet: { ...part, required: true }, longest: part }
