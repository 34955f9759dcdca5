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
  ended?: number
}

type Line =
  | ['begin', run: number, at: number, what: string, id: string, attempt: number]
  | ['end', run: number, at: number]

/** The time by the clock of the runs. */
export const now = () => Number(process.hrtime.bigint() / 1000n)

/** The ledger of all runs: each process appends its runs to a file of its own. */
export class Ledger {
  readonly #folder: string
  readonly #read = new Map<string, number>()
  readonly #runs = new Map<string, Run>()

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

  #add(by: string, [kind, run, at, what = '', id = '', attempt = 0]: Line): void {
    const key = `${by} ${run}`
    if (kind === 'begin') this.#runs.set(key, { by, what, id, attempt, begun: at })
    else (this.#runs.get(key) as Run).ended = at
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
