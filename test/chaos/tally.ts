import type { Round } from './round.ts'
import type { Score } from './verdict.ts'

/** The sums over the rounds of a run. */
export class Tally {
  readonly #seed: number
  #rounds = 0
  readonly #sums = { kills: 0, answered: 0, refused: 0, ran: 0, duplicated: 0, recovered: 0, 'set apart': 0 }
  readonly #bad = { lost: 0, unexpected: 0, 'run by two living processes at once': 0, 'key overlaps': 0 }
  readonly #faults = new Map<string, number>()
  readonly #failed: number[] = []
  readonly #notDone = new Set<string>()

  constructor(seed: number) {
    this.#seed = seed
  }

  get sums(): Readonly<Record<'kills' | 'answered' | 'ran' | 'recovered', number>> {
    return this.#sums
  }

  get bad(): Readonly<Record<'lost' | 'unexpected' | 'run by two living processes at once' | 'key overlaps', number>> {
    return this.#bad
  }

  get faults(): ReadonlyMap<string, number> {
    return this.#faults
  }

  /** Adds the score of a round. The files of one that failed stay. */
  add(number: number, score: Score, round: Round): void {
    this.#rounds++
    const { kills, faults, answered, refused, ran, duplicated, recovered, apart } = score
    for (const [fault, count] of faults) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + count)
    for (const what of round.notDone) this.#notDone.add(what)
    const sums = { kills, answered, refused, ran, duplicated, recovered, 'set apart': apart }
    for (const [name, sum] of Object.entries(sums)) this.#sums[name as keyof typeof sums] += sum
    const bad = {
      lost: score.lost,
      unexpected: score.unexpected,
      'run by two living processes at once': score.twice,
      'key overlaps': score.overlaps,
    }
    const line = Object.entries({ ...sums, ...Object.fromEntries(Object.entries(bad).map(([k, v]) => [k, v.length])) })
    console.log(`  ${line.map(([name, count]) => `${count} ${name}`).join(', ')}`)
    for (const [name, list] of Object.entries(bad)) {
      this.#bad[name as keyof typeof bad] += list.length
      for (const what of list.slice(0, 5)) console.log(`  ${name}: ${what}`)
    }
    if (Object.values(bad).every(({ length }) => length === 0)) return round.clear()
    this.#failed.push(number)
    console.log(`  files: ${round.folder}`)
  }

  /** Prints the sums. @returns whether all was as it must be */
  print(): boolean {
    const faults = [...this.#faults].filter(([, count]) => count > 0).map(([fault, count]) => `${fault} ${count}`)
    console.log(`\nSeed ${this.#seed}: ${this.#rounds} rounds`)
    for (const [name, count] of Object.entries({ ...this.#sums, ...this.#bad })) console.log(`  ${name}: ${count}`)
    console.log(`  faults: ${faults.join(', ') || 'none'}`)
    for (const what of this.#notDone) console.log(`  not done here: ${what}`)
    if (this.#rounds === 0) return false
    for (const round of this.#failed) console.log(`Repeat: npm run chaos -- --seed ${this.#seed} --round ${round}`)
    return this.#failed.length === 0
  }
}
