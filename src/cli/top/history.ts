import { type CountedState, counted, type Snapshot, totalsOf } from './snapshot.ts'

/** The number of snapshots that are remembered: four minutes of them. */
const most = 240
/** The number of jobs whose history is remembered. */
const mostJobs = 1000
/** The time in ms over which a rate is taken. */
const rateSpan = 10_000

type Counts = Record<CountedState | 'oldestAge', number>
interface Moment {
  readonly at: number
  readonly totals: Counts
}

/** The last minutes of a store, bounded. */
export class History {
  readonly #moments: Moment[] = []
  /** The work of each job, due and running, at each of the moments. */
  readonly #jobs = new Map<string, number[]>()

  add({ at, jobs }: Snapshot): void {
    this.#moments.push({ at, totals: totalsOf(jobs) })
    if (this.#moments.length > most) this.#moments.shift()
    const known = new Map(jobs.map(({ job, due, running }) => [job, due + running]))
    for (const job of known.keys()) {
      if (!this.#jobs.has(job) && this.#jobs.size < mostJobs) this.#jobs.set(job, [])
    }
    for (const [job, values] of this.#jobs) {
      values.push(known.get(job) ?? 0)
      if (values.length > most) values.shift()
      // A job without records for all of the time is forgotten.
      if (!known.has(job) && values.every((value) => value === 0)) this.#jobs.delete(job)
    }
  }

  /** The values of a state in all jobs, the latest one last. */
  of(state: CountedState): number[] {
    return this.#moments.map(({ totals }) => totals[state])
  }

  /** The work of a job, due and running, the latest value last. */
  ofJob(job: string): readonly number[] {
    return this.#jobs.get(job) ?? []
  }

  /** The change of each state in a second, over the last seconds. */
  get rates(): Record<CountedState, number> {
    const last = this.#moments.at(-1)
    const first = this.#moments.find(({ at }) => last !== undefined && last.at - at <= rateSpan)
    const seconds = ((last?.at ?? 0) - (first?.at ?? 0)) / 1000
    const rate = (state: CountedState) =>
      seconds > 0 ? ((last?.totals[state] ?? 0) - (first?.totals[state] ?? 0)) / seconds : 0
    return Object.fromEntries(counted.map((state) => [state, rate(state)])) as Record<CountedState, number>
  }
}

const bars = '▁▂▃▄▅▆▇█'

/** Draws values as a line of bars of that width, the latest one at its end; several values share a bar where they are many. */
export function sparkline(values: readonly number[], width: number): string {
  const shared = Math.max(1, Math.ceil(values.length / width))
  const columns: number[] = []
  // From the end: a bar has the same values until the next one begins.
  for (let end = values.length; end > 0; end -= shared) {
    columns.unshift(Math.max(...values.slice(Math.max(0, end - shared), end)))
  }
  const highest = Math.max(...columns, 1)
  const bar = (value: number) => bars[Math.ceil((value / highest) * (bars.length - 1))] as string
  return columns.map(bar).join('').padStart(width)
}
