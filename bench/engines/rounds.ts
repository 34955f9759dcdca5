import type { Program } from '../program.ts'
import { median, type Summary, summary } from '../statistics.ts'
import type { Question } from './case.ts'
import type { EngineName } from './contender.ts'
import type { Name } from './contenders.ts'
import type { Servers } from './servers.ts'

export interface Entry {
  readonly engine: EngineName
  readonly name: Name
  /** @default that of the plan */
  readonly question?: Question
}

/** The numbers of each entry, by round. */
export class Samples {
  readonly #all = new Map<string, number[]>()

  add(entry: Entry, value: number): void {
    const key = keyOf(entry)
    const values = this.#all.get(key) ?? []
    this.#all.set(key, values)
    values.push(value)
  }

  median(entry: Entry): number {
    return median(this.of(entry))
  }

  /** Compares with another entry: the ratio, taken in each round. */
  ratio(entry: Entry, other: Entry): Summary {
    const others = this.of(other)
    return summary(this.of(entry).map((value, round) => value / (others[round] ?? Number.NaN)))
  }

  of(entry: Entry): readonly number[] {
    return this.#all.get(keyOf(entry)) ?? []
  }
}

const keyOf = ({ engine, name, question }: Entry) => `${engine} ${name} ${question?.do}`

interface Plan<Answer> {
  readonly entries: readonly Entry[]
  readonly rounds: number
  readonly question: Question
  /** Asked of each before the rounds. @default `question` */
  readonly warmUp?: Question
  readonly value: (answer: Answer) => number
}

/** All contenders live at once and have their turns, so that what disturbs the machine disturbs all of them. */
export async function takeRounds<Answer>(servers: Servers, plan: Plan<Answer>): Promise<Samples> {
  const { entries, rounds, question, warmUp = question, value } = plan
  await using programs = new AsyncDisposableStack()
  const running: [Entry, Program][] = []
  for (const entry of entries)
    running.push([entry, programs.use(servers.start(entry.name, servers.place(entry.engine)))])
  const samples = new Samples()
  for (let round = -1; round < rounds; round++) {
    // Each begins with another one: none always follows the same one.
    for (let i = 0; i < running.length; i++) {
      const [entry, program] = running[(round + 1 + i) % running.length] as [Entry, Program]
      const answer = await program.ask<Answer>(entry.question ?? (round < 0 ? warmUp : question))
      if (round >= 0) samples.add(entry, value(answer))
    }
  }
  return samples
}

/** A ratio with its smallest and its largest value. */
export function ratioText({ median, min, max }: Summary): string {
  const digits = median < 0.1 ? 3 : 2
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`
}

/** The time below which a share of sorted times is. */
export function share(times: readonly number[], part: number): number {
  return times[Math.floor(times.length * part)] ?? Number.NaN
}
