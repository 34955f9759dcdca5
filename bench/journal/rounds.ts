import { Program } from '../program.ts'
import { median, type Summary, summary } from '../statistics.ts'
import type { Question } from './case.ts'
import type { Servers, Workload } from './contender.ts'
import type { Name } from './contenders.ts'
import type { Sample } from './sample.ts'

export interface Entry {
  readonly title: string
  readonly name: Name
  readonly workload: Workload
  /** The number of calls in flight. @default those of the plan */
  readonly levels?: readonly number[]
  /** In ms. @default that of the plan */
  readonly duration?: number
  /** @default those of the plan */
  readonly rounds?: number
}

export interface Plan {
  readonly entries: readonly Entry[]
  readonly levels: readonly number[]
  readonly rounds: number
  /** The duration of each sample, in ms. */
  readonly duration: number
}

/** The samples of each entry and level, by round. */
export class Samples {
  readonly #all = new Map<string, Sample[]>()

  add(title: string, level: number, sample: Sample): void {
    const key = `${title} ${level}`
    const samples = this.#all.get(key)
    if (samples === undefined) this.#all.set(key, [sample])
    else samples.push(sample)
  }

  /** The contender was there, and measured. */
  has(title: string, level: number): boolean {
    return this.#all.has(`${title} ${level}`)
  }

  perSecond(title: string, level: number): number {
    return median(this.#of(title, level).map(({ perSecond }) => perSecond))
  }

  /** CPU time of the calling thread for each call, in µs. */
  cpu(title: string, level: number): number {
    return median(this.#of(title, level).map(({ cpu = Number.NaN }) => cpu))
  }

  /** Compares with another entry: the ratio of calls, taken in each round that both have. */
  ratio(title: string, other: string, level: number): Summary {
    const others = this.#of(other, level)
    const own = this.#of(title, level).slice(0, others.length)
    return summary(own.map(({ perSecond }, round) => perSecond / (others[round] as Sample).perSecond))
  }

  #of(title: string, level: number): readonly Sample[] {
    return this.#all.get(`${title} ${level}`) ?? []
  }
}

/** All contenders live at once and have their turns, so that what disturbs the machine disturbs all of them. */
export async function takeRounds(servers: Servers, { entries, levels, rounds, duration }: Plan): Promise<Samples> {
  await using programs = new AsyncDisposableStack()
  const running = entries.map((entry) => ({
    entry,
    program: programs.use(
      new Program(new URL('case.ts', import.meta.url), [entry.name, entry.workload, JSON.stringify(servers)]),
    ),
  }))
  const samples = new Samples()
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    // Each begins with another one: none always follows the same one.
    for (let i = 0; i < running.length; i++) {
      const { entry, program } = running[(round + 1 + i) % running.length] as (typeof running)[number]
      if (round >= (entry.rounds ?? rounds)) continue
      for (const inFlight of entry.levels ?? levels) {
        const question: Question = { inFlight, duration: entry.duration ?? duration }
        const sample = await program.ask<Sample | null>(question)
        if (sample !== null && round >= 0) samples.add(entry.title, inFlight, sample)
      }
    }
  }
  return samples
}
