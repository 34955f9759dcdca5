import { isolatesRequests } from './platform.ts'

/** The interval in ms at which the delay is measured. */
const resolution = 10

/**
 * The delay of the event loop in ms, since the last reading: how much later a timer came than it was due.
 *
 * @example
 * const { p99 } = metrics.read().loopDelay ?? {}
 */
export interface LoopDelay {
  readonly mean: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** A monitor measures the delay of the event loop, by a timer that holds no process. */
export class LoopMonitor {
  readonly #histogram

  private constructor({ monitorEventLoopDelay }: typeof import('node:perf_hooks')) {
    this.#histogram = monitorEventLoopDelay({ resolution })
    this.#histogram.enable()
  }

  /** Begins to measure; `undefined` where the runtime can't. */
  static start(): LoopMonitor | undefined {
    const hooks = isolatesRequests ? undefined : process.getBuiltinModule('node:perf_hooks')
    return typeof hooks?.monitorEventLoopDelay === 'function' ? new LoopMonitor(hooks) : undefined
  }

  /** Reads the delays since the last reading, and forgets them. */
  read(): LoopDelay {
    const histogram = this.#histogram
    const delay = (ns: number) => (Number.isNaN(ns) || histogram.count === 0 ? 0 : Math.max(0, ns / 1e6 - resolution))
    const { mean, max } = histogram
    const read = {
      mean: delay(mean),
      p50: delay(histogram.percentile(50)),
      p99: delay(histogram.percentile(99)),
      max: delay(max),
    }
    histogram.reset()
    return read
  }

  stop(): void {
    this.#histogram.disable()
  }
}
