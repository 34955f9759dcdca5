import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'

/** A run of a job. Times are microseconds of a clock that all processes of the machine have in common. */
export interface Run {
  /** The process. */
  readonly by: string
  readonly what: string
  readonly id: string
  readonly attempt: number
  readonly begun: number
  /** The unique key of the record, where there is one. */
  readonly key?: string
  ended?: number
  /** The run ended by an error. */
  isFailed?: boolean
}

type Line =
  | ['begin', run: number, at: number, what: string, id: string, attempt: number, key?: string | null]
  | ['end', run: number, at: number, isDone?: boolean]
  | ['exit', run: 0, at: number]
  | ['cancelled', run: 0, at: number, what: string, reason: string]

/** The time by the clock of the runs. */
export const now = () => Number(process.hrtime.bigint() / 1000n)

/** The ledger of all runs: each process appends its runs to a file of its own. */
export class Ledger {
  readonly #folder: string
  readonly #read = new Map<string, number>()
  readonly #runs = new Map<string, Run>()
  /** The moments at which processes ended by themselves. */
  readonly exits = new Map<string, number>()
  /** The calls that a process has told to be cancelled, and why. */
  readonly cancelled = new Map<string, string>()

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder)
  }

  fileOf(by: string): string {
    return join(this.#folder, by)
  }

  /** All that began so far. */
  get runs(): Run[] {
    for (const by of readdirSync(this.#folder)) {
      const text = readFileSync(this.fileOf(by))
      const from = this.#read.get(by) ?? 0
      // What was not written to its end, by a process that was killed, or is being written.
      const to = text.lastIndexOf('\n') + 1
      this.#read.set(by, to)
      for (const line of text.toString('utf8', from, to).split('\n')) if (line !== '') this.#add(by, JSON.parse(line))
    }
    return [...this.#runs.values()]
  }

  #add(by: string, [kind, run, at, ...rest]: Line): void {
    if (kind === 'exit') return void this.exits.set(by, at)
    const place = `${by} ${run}`
    if (kind === 'end') {
      const ended = this.#runs.get(place) as Run
      ended.ended = at
      ended.isFailed = rest[0] === false
    } else {
      const [what = '', id = '', attempt = 0, key] = rest as [
        what?: string,
        id?: string,
        attempt?: number,
        key?: string,
      ]
      if (kind === 'cancelled') this.cancelled.set(what, id)
      else this.#runs.set(place, { by, what, id, attempt, begun: at, ...(key != null && { key }) })
    }
  }

  of(what: string): Run[] {
    return this.runs.filter((run) => run.what === what)
  }

  /** The runs that came to their end, of all processes. */
  get ended(): Set<string> {
    return new Set(this.runs.filter(({ ended }) => ended !== undefined).map(({ what }) => what))
  }

  /** Resolves when a run is as it is told, with it. */
  async run(what: string, accepts: (run: Run) => boolean = () => true): Promise<Run> {
    let found: Run | undefined
    await this.until(() => (found = this.of(what).find(accepts)) !== undefined, `a run of ${what}`)
    return found as unknown as Run
  }

  /** Resolves when it holds; it is looked at whenever something was written. */
  async until(holds: () => boolean, what: string): Promise<void> {
    using written = Object.assign(watch(this.#folder), {
      [Symbol.dispose]() {
        written.close()
      },
    })
    const signal = AbortSignal.timeout(120_000)
    try {
      while (!holds()) await once(written, 'change', { signal })
    } catch (cause) {
      throw new Error(`In vain it was waited for ${what}. Runs: ${JSON.stringify(this.runs.slice(-20))}`, { cause })
    }
  }
}

/** Runs that began while an earlier runner of the same record was alive. */
export function robberies(runs: readonly Run[], killed: ReadonlyMap<string, number>): Run[] {
  const byRecord = Map.groupBy(runs, ({ id }) => id)
  return [...byRecord.values()].flatMap((runs) => {
    runs.sort((a, b) => a.begun - b.begun)
    return runs.filter(({ begun }, i) => runs.slice(0, i).some(({ by }) => !((killed.get(by) ?? Infinity) <= begun)))
  })
}
