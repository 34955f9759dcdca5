import { type ChildProcess, fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type NodeVersion, nodes } from '../tools/nodes.ts'

export const nodeVersions: readonly NodeVersion[] = [22, 24]

/** Without `taskset`, or with a single core, the processes share what there is, and the numbers are noisier. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0

export interface ProgramOptions {
  /** @default 24 */
  node?: NodeVersion
  /** The core that it runs on, if the machine can do that. */
  core?: number
  /** Flags of Node itself. */
  flags?: readonly string[]
  env?: Readonly<Record<string, string>>
}

/** A file of this folder in a process of its own, which answers questions one at a time. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #file: URL

  constructor(file: URL, args: readonly string[] = [], { node = 24, core, flags = [], env = {} }: ProgramOptions = {}) {
    const pin = core === undefined || !canPin ? [] : ['-c', String(core), nodes[node]]
    this.#file = file
    this.#child = fork(fileURLToPath(file), args, {
      execPath: pin.length === 0 ? nodes[node] : 'taskset',
      execArgv: [...pin, '--disable-warning=ExperimentalWarning', ...flags],
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    })
  }

  async ask<Answer>(question: unknown): Promise<Answer> {
    const ended = new AbortController()
    const answer = once(this.#child, 'message', { signal: ended.signal })
    const exit = once(this.#child, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`${this.#file.pathname} ended with ${code} before it answered`)
    })
    this.#child.send(question as object)
    try {
      const [message] = await Promise.race([answer, exit])
      return message as Answer
    } finally {
      exit.catch(() => {})
      answer.catch(() => {})
      ended.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}

/** In the program: answers each question. Questions that were sent early wait in the channel until this is called. */
export function answer<Question, Answer>(reply: (question: Question) => Answer | Promise<Answer>): void {
  process.on('message', (question) => {
    void Promise.resolve(reply(question as Question)).then((answer) => process.send?.(answer as object))
  })
  process.on('disconnect', () => process.exit())
}
