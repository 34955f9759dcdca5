import type { Afterword } from '../afterword.ts'
import { instance } from '../instance.ts'
import type { JobCounts } from '../journal/inspection/listed.ts'
import type { Measurements, Metrics } from '../metrics.ts'
import type { MetricsOptions } from '../options/metrics-options.ts'
import { ByName } from '../schedule/by-name.ts'
import type { NamedTaskCounts } from '../schedule/tally.ts'
import { KeptCounts } from './kept-counts.ts'

/** The measurements of an instance, and the counts of what its journal keeps for any process. */
export interface Reading extends Measurements {
  /** The unfinished tasks by name. */
  readonly tasks: readonly NamedTaskCounts[]
  /** The records that no process has in its memory; `undefined` without a folder. */
  readonly kept: readonly JobCounts[] | undefined
}

/** The source of the numbers that Prometheus and OpenTelemetry get. What is read at one moment by several readers is read once. */
export class Readings {
  readonly #metrics: Metrics
  #kept: KeptCounts | undefined
  /** The names that are told apart: what an app makes of arguments must not grow without end where the numbers go. */
  readonly #names = new ByName((name) => name)
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
    const read = this.#metrics.read()
    for (const { name } of read.measured) this.#names.of(name)
    return { ...read, tasks: this.#folded('name', read.status.tasks), kept: kept && this.#folded('job', kept) }
  }

  /** Adds the counts up that have one name by now. */
  #folded<N extends string, T extends Readonly<Record<N, string>>>(property: N, all: readonly T[]): T[] {
    const byName = Map.groupBy(all, (counts) => this.#names.of(counts[property]))
    return Array.from(byName, ([name, counts]) => ({ ...counts.reduce(sumOf), [property]: name }))
  }

  close(): void {
    this.#metrics.close()
    this.#kept?.close()
  }
}

/** Adds two counts up, property by property; of ages it is the higher one. */
function sumOf<T extends object>(one: T, other: T): T {
  const sums = Object.entries(one).map(([property, value]) => {
    const more = other[property as keyof T] as number
    if (typeof value !== 'number') return [property, value]
    return [property, property === 'oldestAge' ? Math.max(value, more) : value + more]
  })
  return Object.fromEntries(sums)
}
