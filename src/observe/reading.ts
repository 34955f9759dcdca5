import type { Afterword } from '../afterword.ts'
import { instance } from '../instance.ts'
import type { JobCounts } from '../journal/inspection/listed.ts'
import type { Measurements, Metrics } from '../metrics.ts'
import type { MetricsOptions } from '../options/metrics-options.ts'
import { KeptCounts } from './kept-counts.ts'

/** The measurements of an instance, and the counts of what its journal keeps for any process. */
export interface Reading extends Measurements {
  /** The records that no process has in its memory; `undefined` without a folder. */
  readonly kept: readonly JobCounts[] | undefined
}

/** The source of the numbers that Prometheus and OpenTelemetry get. What is read at one moment by several readers is read once. */
export class Readings {
  readonly #metrics: Metrics
  #kept: KeptCounts | undefined
  #reading: Promise<Reading> | undefined

  constructor(options: MetricsOptions, of: Afterword = instance()) {
    this.#metrics = of.metrics(options)
  }

  /** Reads the numbers as they are now. @throws AfterwordError `AFTERWORD_METRICS_CLOSED` */
  read(): Promise<Reading> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #read(): Promise<Reading> {
    // An app may call `configure` after it has asked for metrics.
    const folder = this.#metrics.journal?.path
    if (folder !== undefined) this.#kept ??= new KeptCounts(folder)
    const kept = await this.#kept?.read()
    return { ...this.#metrics.read(), kept }
  }

  close(): void {
    this.#metrics.close()
    this.#kept?.close()
  }
}
