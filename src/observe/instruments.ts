import type { Attributes, BatchObservableResult, Histogram, Meter, Observable } from '@opentelemetry/api'
import { ByName } from '../schedule/by-name.ts'
import { bounds } from '../schedule/histogram.ts'
import type { Task } from '../task/task.ts'
import { type Family, families } from './families.ts'
import type { Readings } from './reading.ts'

const explicitBucketBoundaries = bounds.map((bound) => bound / 1000)

/** The name of an instrument, as OpenTelemetry writes names: `afterword.tasks`. Its unit is no part of it. */
function nameOf({ name }: Family): string {
  const short = name.replace(/^afterword_/, '').replace(/_(total|seconds)$/, '')
  return `afterword.${short}`
}

/** The instruments of an instance: histograms of waits and runs, and all other families as they are when they are read. */
export class Instruments {
  readonly #meter: Meter
  readonly #readings: Readings
  readonly #wait: Histogram
  readonly #run: Histogram
  /** The attributes of the histograms: names that an app makes of arguments must not grow without end. */
  readonly #attributes = new ByName<Attributes>((task) => ({ task }))
  readonly #observed: readonly (readonly [Observable, Family])[]

  constructor(meter: Meter, readings: Readings) {
    this.#meter = meter
    this.#readings = readings
    const histogram = (name: string, description: string) =>
      meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries } })
    this.#wait = histogram('afterword.wait', 'The time from which each run could have begun until it began.')
    this.#run = histogram('afterword.run', 'The time of each run.')
    this.#observed = families
      .filter(({ type }) => type !== 'histogram')
      .map((family) => {
        const options = { description: family.help, ...(family.name.endsWith('_seconds') && { unit: 's' }) }
        const isCounter = family.type === 'counter'
        const create = isCounter ? meter.createObservableCounter : meter.createObservableGauge
        return [create.call(meter, nameOf(family), options), family]
      })
    meter.addBatchObservableCallback(
      this.#observe,
      this.#observed.map(([observable]) => observable),
    )
  }

  /** A run has ended. @param wait @param took in ms */
  ran(task: Task, wait: number, took: number, failed: boolean): void {
    const attributes = this.#attributes.of(task.countedAs)
    this.#wait.record(wait / 1000, attributes)
    this.#run.record(took / 1000, { ...attributes, outcome: failed ? 'failed' : 'done' })
  }

  readonly #observe = async (result: BatchObservableResult): Promise<void> => {
    const reading = await this.#readings.read()
    for (const [observable, { samples }] of this.#observed) {
      for (const { labels, value } of samples(reading)) result.observe(observable, value, labels)
    }
  }

  close(): void {
    this.#meter.removeBatchObservableCallback(
      this.#observe,
      this.#observed.map(([observable]) => observable),
    )
  }
}
