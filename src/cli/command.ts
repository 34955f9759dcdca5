import { Inspector } from '../journal/inspector.ts'
import { complain } from './terminal.ts'

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
export type Output = Generator<string, boolean> | AsyncGenerator<string, boolean | undefined>

export interface Command {
  /** For the usage: what it takes, and what it does. */
  readonly takes: string
  readonly does: string
  readonly place: 'folder' | 'module'
  readonly options: readonly string[]
  /** What is wrong with the ids, after the name of the command; `undefined` if nothing is. */
  wrong(input: Input): string | undefined
  run(input: Input): Output
}

/** Where there is nothing to be named but the place. */
export function takesNoId(this: Command, { ids }: Input): string | undefined {
  return ids.length === 0 ? undefined : `takes nothing after the ${this.place}, got "${ids[0]}"`
}

/** A command on the journal in a folder. */
export function onJournal(run: (journal: Inspector, input: Input) => Generator<string, boolean>): Command['run'] {
  return function* (input) {
    using journal = new Inspector(input.place)
    const done = yield* run(journal, input)
    for (const sentence of journal.unreadable) complain(sentence)
    // What is named by its id was done, whatever else is damaged.
    return done && (input.ids.length > 0 || journal.unreadable.length === 0)
  }
}
