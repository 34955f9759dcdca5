import { Inspection } from '../journal/inspection.ts'

/** What follows the name of a command. */
export interface Input {
  /** The folder of a journal, or a module. */
  readonly place: string
  readonly ids: readonly string[]
  readonly all: boolean
  readonly json: boolean
  readonly concurrency: number | undefined
  readonly jobs: readonly string[] | undefined
}

/** What a command prints, piece by piece, and whether it could be done; `undefined` if it goes on by itself. */
type Output = Generator<string, boolean> | AsyncGenerator<string, boolean | undefined>

export interface Command {
  /** For the usage: what it takes, and what it does. */
  readonly takes: string
  readonly does: string
  accepts(input: Input): boolean
  run(input: Input): Output
}

/** All but `work`. */
export const runsNothing = ({ concurrency, jobs }: Input): boolean => concurrency === undefined && jobs === undefined

export const takesNothing = (input: Input): boolean => input.ids.length === 0 && !input.all && runsNothing(input)

/** A command on the journal in a folder. */
export function onJournal(run: (journal: Inspection, input: Input) => Generator<string, boolean>): Command['run'] {
  return function* (input) {
    using journal = new Inspection(input.place)
    return yield* run(journal, input)
  }
}
