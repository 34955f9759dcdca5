import type { State } from '../journal/inspection/listed.ts'
import type { StorePart } from '../stores/record-store.ts'
import type { HealthAddress } from './health-server.ts'
import { complain } from './terminal.ts'

/** The input of a command: all that follows its name. */
export interface Input {
  /** The folder of a journal, the URL of an engine, or a module. */
  readonly place: string
  readonly ids: readonly string[]
  readonly all: boolean
  readonly json: boolean
  readonly concurrency: number | undefined
  /** The texts of `--jobs`: a name, or names separated by commas. */
  readonly jobs: readonly string[] | undefined
  readonly job: string | undefined
  readonly state: State | undefined
  readonly limit: number | undefined
  readonly health: HealthAddress | undefined
  readonly port: number | undefined
  readonly write: boolean
  readonly token: string | undefined
}

/** The output of a command, piece by piece, and whether it succeeded; `undefined` if the command goes on by itself. */
export type Output = Generator<string, boolean> | AsyncGenerator<string, boolean | undefined>

export interface Command {
  /** The arguments, for the usage. */
  readonly takes: string
  /** The effect, for the usage. */
  readonly does: string
  /** The place that the command expects: of a store, or of jobs. */
  readonly place: 'folder' | 'folder or URL' | 'URL of a doctor' | 'module'
  readonly options: readonly string[]
  /** Says what is wrong with the ids, after the name of the command; `undefined` if nothing is. */
  wrong(input: Input): string | undefined
  run(input: Input): Output
}

/** The rule of commands that name nothing but the place. */
export function takesNoId(this: Command, { ids }: Input): string | undefined {
  return ids.length === 0 ? undefined : `takes nothing after the ${this.place}, got "${ids[0]}"`
}

/** Makes a command that works on a part of the store at a place. */
export function onStore<P extends StorePart>(
  open: (place: string) => Promise<P>,
  run: (part: P, input: Input) => AsyncGenerator<string, boolean>,
): Command['run'] {
  return async function* (input) {
    await using part = await open(input.place)
    const done = yield* run(part, input)
    for (const sentence of part.unreadable) complain(sentence)
    // A record that was named by its id was found, whatever else is damaged.
    return done && (input.ids.length > 0 || part.unreadable.length === 0)
  }
}
