import { type TaskOptions, taskRules } from './task-options.ts'
import { count, flag, type Rules, time, validate } from './validate.ts'

/**
 * The options of `batch`. `size`, `within` and `timeout` belong to a run, the others to each item.
 *
 * @example
 * batch('track', insert, { size: 500, within: 2_000 })
 */
export interface BatchOptions extends Omit<TaskOptions, 'name' | 'now'> {
  /** The number of items that are run at once, even if none of them is old. @default 100 */
  readonly size?: number
  /** The longest time in ms that an item waits for others. @default 1000 */
  readonly within?: number
  /** Keep the items in the journal, if there is one: each is a record. @default true */
  readonly keep?: boolean
}

const { name: _name, now: _now, ...itemRules } = taskRules
const batchRules: Rules<BatchOptions> = {
  ...itemRules,
  retries: { ...count(0, 0), default: undefined as never },
  size: count(100, 1),
  within: time(1000),
  keep: flag(true),
}

export function validateBatch(place: string, given: BatchOptions): Required<BatchOptions> {
  return validate(place, batchRules, given)
}
