import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { stripVTControlCharacters } from 'node:util'

export interface ConsoleOptions {
  readonly env?: Record<string, string>
  readonly cwd?: string
  /** On a terminal of its own. */
  readonly terminal?: boolean
}

/** A program that is known by what it prints, and that may have a terminal of its own. */
export class ConsoleProgram implements AsyncDisposable {
  stdout = ''
  stderr = ''
  readonly exited: Promise<number | null>
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(command: readonly string[], { env = {}, cwd, terminal = false }: ConsoleOptions = {}) {
    const [file = '', ...args] = terminal ? onTerminal(command) : command
    // On a terminal these say, too, whether there are colours: https://nodejs.org/api/tty.html#writestreamgetcolordepthenv
    const { NO_COLOR: _, FORCE_COLOR: __, CI: ___, COLORTERM: ____, ...inherited } = process.env
    this.#child = spawn(file, args, {
      cwd,
      env: { ...inherited, NODE_OPTIONS: '', ...(terminal ? { TERM: 'xterm' } : { NO_COLOR: '1' }), ...env },
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => this.#heard('stdout', text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => this.#heard('stderr', text))
    this.exited = once(this.#child, 'close').then(([code]) => {
      this.#over = true
      for (const wake of this.#waiting) wake()
      return code
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Resolves when it has printed that. Rejects if it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stdout + this.stderr)
      if (found !== null) return found
      if (this.#over) throw new Error(`The program ended without ${pattern}.\n${this.stdout}\n${this.stderr}`)
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Types on its terminal. */
  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  #heard(where: 'stdout' | 'stderr', text: string): void {
    this[where] += text
    for (const wake of this.#waiting) wake()
  }
}

/** The lines that a terminal shows in the end: what one was cleared of is gone. */
export function screen(output: string): string[] {
  return stripVTControlCharacters(output)
    .split('\r\n')
    .map((line) => line.slice(line.lastIndexOf('\r') + 1))
    .filter((line) => line !== '')
}

/** The shell that `script` starts gives its place to the command: dash would stay, and end by the Ctrl-C it gets too. */
const onTerminal = (command: readonly string[]) => [
  'script',
  '-qec',
  `exec ${command.map(quoted).join(' ')}`,
  '/dev/null',
]

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
