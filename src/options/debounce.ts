import { isTime } from './validate.ts'

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

/** The value is such an object, of any realm. */
export function isDebounce(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { quiet, longest = quiet, ...rest } = value as { quiet?: unknown; longest?: unknown }
  return isTime(quiet) && isTime(longest) && Object.keys(rest).length === 0
}
