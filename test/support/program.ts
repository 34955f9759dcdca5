import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type NodeVersion, nodes } from '../../tools/nodes.ts'

export interface ProgramOptions {
  /** @default the Node that runs the tests */
  node?: NodeVersion
  args?: string[]
  /** Flags of Node itself, such as `--import`. */
  nodeArgs?: string[]
  /** A command that starts Node, and its flags: `['strace', '-D']`. @default none */
  under?: readonly string[]
  env?: Record<string, string>
  /** No file can be written beyond this, in blocks of 512 bytes, as on a disk that is full. @default without limit */
  fileSize?: number
}

/** A message of a program: `process.send({ type: 'listening', port })`. */
export interface Message {
  type: string
  [key: string]: unknown
}

/** A TypeScript program in a process of its own, which tells what happens in it by messages. */
export class Program implements AsyncDisposable {
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  stdout = ''
  stderr = ''
  readonly messages: Message[] = []
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()
  #over = false

  constructor(file: URL, { node, args = [], nodeArgs = [], under = [], env = {}, fileSize }: ProgramOptions = {}) {
    const limit = fileSize === undefined ? [] : ['sh', '-c', `ulimit -f ${fileSize}; exec "$0" "$@"`]
    const [execPath = '', ...before] = [...limit, ...under, node === undefined ? process.execPath : nodes[node]]
    this.#child = fork(fileURLToPath(file), args, {
      execPath,
      execArgv: [...before, '--disable-warning=ExperimentalWarning', ...nodeArgs],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      silent: true,
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text) => (this.stdout += text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => (this.stderr += text))
    this.#child.on('message', (message) => {
      this.messages.push(message as Message)
      for (const wake of this.#waiting) wake()
    })
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#over = true
      for (const wake of this.#waiting) wake()
      return { code, signal }
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** The first message of that type, past or to come, that `accepts`. Rejects if the program ends without it. */
  async message<M extends Message>(type: string, accepts: (message: M) => boolean = () => true): Promise<M> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type && accepts(message as M))
      if (found !== undefined) return found as M
      if (this.#over) throw new Error(`The program ended without a message "${type}".\n${this.stdout}\n${this.stderr}`)
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  send(message: Message): void {
    // Whoever waits for the answer of a program that has ended is told so by `message`.
    this.#child.send(message, () => {})
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}
