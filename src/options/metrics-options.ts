import { flag, type Rules, validate } from './validate.ts'

/**
 * The options of `metrics`.
 *
 * @example
 * using metrics = instance().metrics({ loopDelay: true })
 */
export interface MetricsOptions {
  /** Measure the delay of the event loop, too, which takes a timer of the process: `monitorEventLoopDelay` of `node:perf_hooks`. @default false */
  readonly loopDelay?: boolean
}

const rules: Rules<MetricsOptions> = { loopDelay: flag(false) }

export function validateMetrics(given: MetricsOptions): Required<MetricsOptions> {
  return validate('metrics', rules, given)
}
