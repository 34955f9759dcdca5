import type { PointView, Quantiles } from '../views.ts'

const columns = [
  'done',
  'failed',
  'due',
  'oldestDue',
  'held',
  'wait50',
  'wait95',
  'run50',
  'run95',
  'loopDelay',
] as const
type Column = (typeof columns)[number]

/** A ring of points: a row of typed arrays, which never grows. A number that was not measured is `NaN`, a time that is above all bounds `Infinity`. */
export class PointRing {
  readonly #size: number
  readonly #at: Float64Array
  readonly #columns: Readonly<Record<Column, Float32Array>>
  /** The number of points so far. */
  #count = 0

  constructor(size: number) {
    this.#size = size
    this.#at = new Float64Array(size)
    const made = columns.map((column) => [column, new Float32Array(size)] as const)
    this.#columns = Object.fromEntries(made) as Record<Column, Float32Array>
  }

  /** Adds a point, in the place of the oldest one where the ring is full. */
  add({ at, wait, run, loopDelay, ...levels }: PointView): void {
    const index = this.#count++ % this.#size
    this.#at[index] = at
    const [wait50, wait95] = ofQuantiles(wait)
    const [run50, run95] = ofQuantiles(run)
    const values = { ...levels, wait50, wait95, run50, run95, loopDelay: loopDelay ?? Number.NaN }
    for (const column of columns) this.#columns[column][index] = values[column]
  }

  /** The points, the oldest first. */
  get points(): PointView[] {
    const count = Math.min(this.#count, this.#size)
    return Array.from({ length: count }, (_, index) => this.#point((this.#count - count + index) % this.#size))
  }

  #point(index: number): PointView {
    const value = (column: Column) => Math.round((this.#columns[column][index] as number) * 100) / 100
    const known = (column: Column) => (Number.isNaN(value(column)) ? undefined : value(column))
    return {
      at: this.#at[index] as number,
      done: value('done'),
      failed: value('failed'),
      due: value('due'),
      oldestDue: value('oldestDue'),
      held: value('held'),
      wait: quantiles(value('wait50'), value('wait95')),
      run: quantiles(value('run50'), value('run95')),
      loopDelay: known('loopDelay'),
    }
  }
}

function ofQuantiles(quantiles: Quantiles | undefined): [p50: number, p95: number] {
  return quantiles === undefined ? [Number.NaN, Number.NaN] : [quantiles.p50 ?? Infinity, quantiles.p95 ?? Infinity]
}

function quantiles(p50: number, p95: number): Quantiles | undefined {
  return Number.isNaN(p50) ? undefined : { p50: bounded(p50), p95: bounded(p95) }
}

const bounded = (time: number) => (time === Infinity ? null : time)
