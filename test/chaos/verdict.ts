import type { Ledger, Run } from '../crash/ledger.ts'
import type { Load, Promised } from './load.ts'
import type { Life } from './place.ts'

/** The record of a job that has failed for good, as it is listed. */
export interface ListedFailure {
  readonly reason?: string
  readonly job: string
  readonly args: readonly unknown[]
}

/** The result of a round; each list names what must not be. */
export interface Score {
  readonly kills: number
  /** The faults, and how often each struck. */
  readonly faults: ReadonlyMap<string, number>
  readonly answered: number
  /** Calls that the journal refused: answered by a 503, or reported where a job has made them. */
  readonly refused: number
  readonly ran: number
  /** Records that ran again after they had been run to the end. */
  readonly duplicated: number
  /** Calls that ran after the process that had accepted them was dead. */
  readonly recovered: number
  /** Set apart by the journal as poison: they were running at kills. */
  readonly apart: number
  /** Answered, or deferred by a job that was, and neither run to the end nor reported. */
  readonly lost: readonly string[]
  readonly unexpected: readonly string[]
  /** Runs that began while an earlier run of the record, in a process that lived, was not over. */
  readonly twice: readonly string[]
  /** Runs of different records with the same key, at once. */
  readonly overlaps: readonly string[]
}

/** The longest time in µs for which a key is held after its run has ended, in a process that is busy or stopped. */
const keyHeld = 3_000_000

/** Judges a round by its ledger. */
export class Verdict {
  readonly #ledger: Ledger
  readonly #runs: readonly Run[]
  readonly #deaths: ReadonlyMap<string, number>
  readonly #byWhat: Map<string, Run[]>

  constructor(ledger: Ledger, lives: readonly Pick<Life, 'name' | 'terminated' | 'killed'>[]) {
    this.#ledger = ledger
    this.#runs = ledger.runs.toSorted((a, b) => a.begun - b.begun)
    this.#byWhat = Map.groupBy(this.#runs, ({ what }) => what)
    const deaths = new Map(ledger.exits)
    const names = [...new Set(this.#runs.map(({ by }) => by))]
    for (const { terminated, name, killed } of lives) {
      // A signal ends a process at once that has not begun to listen for it, and those that it has started.
      const silent = terminated === undefined ? [] : names.filter((by) => by === name || by.startsWith(`${name}.`))
      for (const by of silent) if (!deaths.has(by)) deaths.set(by, terminated as number)
      for (const [name, at] of killed) deaths.set(name, Math.min(at, deaths.get(name) ?? Infinity))
    }
    this.#deaths = deaths
  }

  get ran(): number {
    return this.#byWhat.size
  }

  /** The promised calls that did not run to the end, and those that they would have deferred. */
  lost({ promised }: Pick<Load, 'promised'>, poison: ReadonlySet<string>): string[] {
    return promised.flatMap((call) => {
      const { what, key } = call
      if (key?.startsWith('shared') && !this.#byWhat.has(what)) return this.#isDuplicate(call, key) ? [] : [what]
      if (poison.has(what)) return []
      const nested = `${what}-nested`
      const owed = what.startsWith('nest') && !this.#isRefused(nested) ? [what, nested] : [what]
      return owed.filter((what) => !this.#isDone(what) && !poison.has(what))
    })
  }

  /** Tells what is known of a call. */
  describe(what: string, { promised }: Load): string {
    const call = promised.find((call) => what.startsWith(call.what))
    const runs = (this.#byWhat.get(what) ?? []).map(({ by, begun, ended, isFailed, attempt }) => {
      const end = ended === undefined ? 'did not end' : `${isFailed ? 'failed' : 'ended'} at ${ended}`
      return `${by} attempt ${attempt} began at ${begun}, ${end}, death ${this.#deaths.get(by) ?? 'none'}`
    })
    return `${what}: asked of ${call?.by} at ${call?.asked}; runs: ${runs.join('; ') || 'none'}`
  }

  /** The number of calls by jobs that the journal refused, and reported. */
  get refused(): number {
    return [...this.#ledger.cancelled].filter(([what, reason]) => what.endsWith('-nested') && reason === 'refused')
      .length
  }

  get duplicated(): number {
    return [...Map.groupBy(this.#runs, ({ id }) => id).values()].filter((runs) =>
      runs.slice(0, -1).some(({ ended, isFailed }) => ended !== undefined && !isFailed),
    ).length
  }

  recovered({ promised }: Load): number {
    return promised.filter(({ what, by }) => {
      const death = this.#deaths.get(by) ?? Infinity
      return this.#byWhat.get(what)?.some(({ begun }) => begun >= death)
    }).length
  }

  get twice(): string[] {
    return [...Map.groupBy(this.#runs, ({ id }) => id).values()].flatMap((runs) =>
      runs.flatMap((run, i) => {
        const earlier = runs.slice(0, i).find((earlier) => this.#end(earlier) > run.begun)
        return earlier === undefined ? [] : [`${JSON.stringify(run)} while ${JSON.stringify(earlier)} was not over`]
      }),
    )
  }

  get overlaps(): string[] {
    const keyed = this.#runs.filter(({ key }) => key !== undefined)
    return [...Map.groupBy(keyed, ({ key }) => key).values()].flatMap((runs) => {
      let last: Run | undefined
      return runs.flatMap((run) => {
        const before = last
        if (last === undefined || this.#end(run) > this.#end(last)) last = run
        if (before === undefined || before.id === run.id || this.#end(before) <= run.begun) return []
        return [`${JSON.stringify(run)} while ${JSON.stringify(before)} was not over`]
      })
    })
  }

  /** Runs of a limited job in a process, more at once than its limit. */
  beyondLimit(kind: string, limit: number): string[] {
    const limited = this.#runs.filter(({ what }) => what.startsWith(`${kind}-`))
    return [...Map.groupBy(limited, ({ by }) => by)].flatMap(([by, runs]) => {
      const crowded = runs.filter((run) => {
        return runs.filter((other) => other.begun <= run.begun && this.#end(other) > run.begun).length > limit
      })
      return crowded.length === 0 ? [] : [`more than ${limit} runs of ${kind} at once in ${by}`]
    })
  }

  /** Poison without the six ends of processes that make a record poison at least. */
  notPoison(poison: ReadonlySet<string>): string[] {
    const struck = (what: string) => this.#byWhat.get(what)?.filter(({ by }) => this.#deaths.has(by)) ?? []
    return [...poison].filter((what) => struck(what).length < 6).map((what) => `${what} was set apart`)
  }

  #isDone(what: string): boolean {
    return this.#byWhat.get(what)?.some(({ ended, isFailed }) => ended !== undefined && !isFailed) ?? false
  }

  /** The disk had no place for what a job has deferred; that was reported. */
  #isRefused(what: string): boolean {
    return this.#ledger.cancelled.get(what) === 'refused'
  }

  /** Another call had the key when this one was stored. */
  #isDuplicate({ what, asked }: Promised, key: string): boolean {
    if (this.#ledger.cancelled.get(what) === 'duplicate') return true
    return this.#runs.some((run) => run.key === key && (run.ended ?? 0) >= asked - keyHeld)
  }

  /** A run is over when it ends, or its process. */
  #end({ by, ended }: Run): number {
    return Math.min(ended ?? Infinity, this.#deaths.get(by) ?? Infinity)
  }
}
