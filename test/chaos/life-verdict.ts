import { type Ledger, type Run, robberies } from '../crash/ledger.ts'
import type { Blow, NumberedCall } from './strike.ts'

/** The facts of a life that was struck. Those of the processes that run what it has left are added as they come. */
export interface LifeFacts {
  readonly blow: Blow
  /** The number of the call that was struck; 0 for none. */
  readonly at: number
  readonly calls: readonly NumberedCall[]
  /** The calls that were answered, and those that earlier processes have left. */
  readonly owed: ReadonlySet<string>
  readonly ledger: Ledger
  /** The moments at which the processes of the life ended. */
  readonly ends: ReadonlyMap<string, number>
  readonly reports: readonly unknown[][]
  /** The calls that are listed as failed, with their reasons. */
  readonly failed: ReadonlyMap<string, string>
  readonly pending: ReadonlySet<string>
}

/** The process that runs what is left in a folder that was moved away. */
export const ofMoved = 'rest-of-moved'
/** The time in µs after its end in which the end of a run may be lost by a kill, with all that a busy machine adds. */
const window = 1_000_000
/** Blows that last for several calls. */
const lasting: readonly Blow[] = ['ENOSPC', 'EROFS']

/** Codes that any life may report: one job always fails, and another one fails once. A busy disk is late. */
const usual = [
  'AFTERWORD_TASK_FAILED',
  'AFTERWORD_TASK_RETRIED',
  'AFTERWORD_SLOW_TASK',
  'AFTERWORD_UNFINISHED',
  'AFTERWORD_JOURNAL_BEHIND',
]
const ofErrors = ['AFTERWORD_JOURNAL_REFUSED', 'AFTERWORD_JOURNAL_FAILED', 'AFTERWORD_JOURNAL_FOLDER']
/** Codes that only some blows may make a process report. */
const allowed: Readonly<Record<Blow, readonly string[]>> = {
  kill: [],
  'kill-all': [],
  torn: [],
  EIO: ofErrors,
  ENOSPC: ofErrors,
  EROFS: ofErrors,
  moved: [...ofErrors, 'AFTERWORD_JOURNAL_LOST', 'AFTERWORD_JOURNAL_UNLOCKED', 'AFTERWORD_SET_ASIDE'],
}

/** Judges a life that was struck. */
export class LifeVerdict {
  readonly #facts: LifeFacts
  /** The calls that have to run, those that jobs defer included. */
  readonly #due: readonly string[]

  constructor(facts: LifeFacts) {
    this.#facts = facts
    this.#due = [...facts.owed]
      .filter((what) => !isFailing(what))
      .flatMap((what) => (/^(nest|delayed)/.test(what) ? [what, nestedIn(what)] : [what]))
  }

  /** The calls that have to run still. */
  get left(): string[] {
    const done = this.#done
    return this.#due.filter((what) => !done.has(what) && !this.#facts.ledger.cancelled.has(what))
  }

  /** Runs of records that had been run to the end before. */
  get again(): Run[] {
    const runs = this.#runs
    return runs.filter((run) => runs.some((earlier) => earlier !== run && isBefore(earlier, run)))
  }

  /** All that must not be. */
  get wrong(): string[] {
    const robbed = robberies(this.#runs, this.#facts.ends).filter(({ isFailed, what }) => !isFailed && !isRetried(what))
    return [
      ...this.#oddReports.map((report) => `reported ${report.join(' ')}`),
      ...(this.isLossReported ? [] : [...this.#lost, ...this.#notListed, ...this.#failedForGood]),
      ...robbed.map((run) => `robbed: ${JSON.stringify(run)}`),
      ...this.#tooLate,
    ]
  }

  get #done(): Set<string> {
    const done = this.#facts.ledger.runs.filter((run) => run.ended !== undefined && !run.isFailed)
    return new Set(done.map(({ what }) => what))
  }

  /**
   * The runs but for those in a folder that was moved away: processes that have lost it still run what they know of. Ids are those of a
   * folder: records in a new one have the ids of others.
   */
  get #runs(): Run[] {
    const runs = this.#facts.ledger.runs.filter(({ by }) => by !== ofMoved)
    return runs.map((run) => ({ ...run, id: `${run.id} ${run.what}` }))
  }

  get #oddReports(): unknown[][] {
    const codes = [...usual, ...allowed[this.#facts.blow]]
    return this.#facts.reports.filter(([code]) => !codes.includes(String(code)))
  }

  /** Files were lost, and a process has said so: their records are not owed any more. */
  get isLossReported(): boolean {
    return this.#facts.reports.some(([code]) => code === 'AFTERWORD_JOURNAL_LOST')
  }

  get #lost(): string[] {
    const { failed, pending, ledger } = this.#facts
    const done = this.#done
    // A call that a job makes in vain is reported, and not owed.
    const owed = (what: string) =>
      !what.endsWith('-nested') || (!ledger.cancelled.has(what) && done.has(what.slice(0, -'-nested'.length)))
    return this.#due
      .filter((what) => !done.has(what) && owed(what))
      .map((what) => `lost: ${what}, ${failed.get(what) ?? (pending.has(what) ? 'pending' : 'nowhere')}`)
  }

  get #notListed(): string[] {
    const { owed, failed, pending } = this.#facts
    // The last process ends once it has run what succeeds.
    const isListed = (what: string) => failed.has(what) || pending.has(what)
    return [...owed].filter((what) => isFailing(what) && !isListed(what)).map((what) => `not listed: ${what}`)
  }

  get #failedForGood(): string[] {
    const failed = [...this.#facts.failed].filter(([what]) => !isFailing(what))
    return failed.map(([what, reason]) => `failed for good: ${what}, ${reason}`)
  }

  /** Runs again long after the end of an earlier run. */
  get #tooLate(): string[] {
    const { blow, at, calls, ends } = this.#facts
    if (at === 0) return this.again.map(({ what }) => `again without a blow: ${what}`)
    // The end of a run can't be stored on a disk that refuses all writes.
    const refused = lasting.includes(blow) ? calls.find(({ number }) => number === at)?.at : undefined
    return this.again.flatMap((run) => {
      const earlier = this.#runs.findLast((earlier) => isBefore(earlier, run)) as Run
      const age = Math.min(ends.get(earlier.by) ?? Infinity, refused ?? Infinity) - Number(earlier.ended)
      return age <= window ? [] : [`again ${age} µs after its end: ${run.what}`]
    })
  }
}

/** The run of the record had ended when the other one began. */
const isBefore = (earlier: Run, run: Run) =>
  earlier.id === run.id && !earlier.isFailed && Number(earlier.ended) <= run.begun
/** The runs of these are several, one after the other. */
const isRetried = (what: string) => /^(retry|again)/.test(what)
const isFailing = (what: string) => what.startsWith('fail')
const nestedIn = (what: string) => `${what}-nested`
