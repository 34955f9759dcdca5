import { fileURLToPath } from 'node:url'
import { ConsoleProgram } from './console-program.ts'

export { screen } from './console-program.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface CommandOptions {
  readonly env?: Record<string, string>
  /** On a terminal of its own. */
  readonly terminal?: boolean
  /** A command that starts it. */
  readonly under?: readonly string[]
}

/** The command line of the package, in a process of its own. */
export class Command extends ConsoleProgram {
  constructor(args: readonly string[], { under = [], ...options }: CommandOptions = {}) {
    super([...under, process.execPath, '--disable-warning=ExperimentalWarning', main, ...args], options)
  }
}
