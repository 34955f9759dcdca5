import { readdirSync, readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Message, Program, type ProgramOptions } from '../support/program.ts'
import { compiled } from './build.ts'
import { now } from './ledger.ts'

/** The longest time of an answer, in ms. */
const patience = 60_000

export interface ServerOptions extends Omit<ProgramOptions, 'args'> {
  /** @default 'normal' */
  readonly sync?: 'normal' | 'full'
}

/** A server process with a journal. */
export class Server implements AsyncDisposable {
  readonly name: string
  readonly program: Program
  /** Resolves with its port and what it takes for its pid. Rejects if it ended before. */
  readonly listening: Promise<{ port: number; pid: number }>
  isListening = false
  /** The moment of its SIGKILL, by the clock of the ledger. */
  killedAt: number | undefined
  readonly #agent = new Agent({ keepAlive: true })

  constructor(name: string, journal: string, ledger: string, { sync = 'normal', ...options }: ServerOptions = {}) {
    this.name = name
    this.program = new Program(compiled('test/crash/programs/server.ts'), {
      ...options,
      args: [JSON.stringify({ journal, ledger, sync })],
    })
    this.listening = this.program.message<Message & { port: number; pid: number }>('listening')
    this.listening.then(
      () => (this.isListening = true),
      () => {},
    )
  }

  /** The status of the answer, or `undefined` if there was none, or not all of it. */
  async ask(path: string): Promise<number | undefined> {
    const { port } = await this.listening
    return new Promise((resolve) => {
      const signal = AbortSignal.timeout(patience)
      request({ port, path, host: '127.0.0.1', agent: this.#agent, signal }, (response) => {
        response.on('error', () => resolve(undefined)).resume()
        response.on('end', () => resolve(response.complete ? response.statusCode : undefined))
      })
        .on('error', () => resolve(undefined))
        .end()
    })
  }

  /** Asks for each; all are kept. */
  async keep(...paths: string[]): Promise<void> {
    for (const path of paths) {
      const status = await this.ask(path)
      if (status !== 200) throw new Error(`${path} was answered ${status}\n${this.troubles.join('\n')}`)
    }
  }

  get reports(): Message[] {
    return this.program.messages.filter(({ type }) => type === 'report' || type === 'refused')
  }

  /** The reports of the server, and the output of Node. */
  get troubles(): string[] {
    return [...this.reports.map((report) => JSON.stringify(report)), this.program.stderr]
  }

  /** Resolves when all its threads stand still. */
  async stop(): Promise<void> {
    this.program.kill('SIGSTOP')
    const tasks = `/proc/${this.program.pid}/task`
    const isStopped = (task: string) => / T /.test(readFileSync(`${tasks}/${task}/stat`, 'latin1').replace(/.*\)/, ''))
    while (!readdirSync(tasks).every(isStopped)) await nextTurn()
  }

  /** Resolves when it has ended. */
  async kill(): Promise<void> {
    this.killedAt ??= now()
    this.program.kill('SIGKILL')
    await this.program.exited
    this.#agent.destroy()
  }

  /** Resolves when it has ended in order. */
  async close(): Promise<void> {
    this.program.send({ type: 'close' })
    await this.program.exited
    this.#agent.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
