import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { CallOptions, WorkOptions } from '../../src/index.ts'
import { type Message, Program } from '../support/program.ts'
import type { SiblingSettings, ToSibling } from './programs/sibling.ts'

export interface Ran extends Message {
  readonly job: string
  readonly what: string
  readonly rest: unknown[]
  readonly id: string
  readonly attempt: number
  readonly by?: string
}

interface Ended extends Message {
  readonly status: string
  readonly reason?: string
}

/** A call of a job in another process. */
export interface RemoteCall {
  /** Resolves with the record's id once it is accepted. Rejects with what the call has thrown. */
  readonly id: Promise<string>
  readonly outcome: Promise<Ended>
  cancel(): Promise<boolean>
}

/** Compiled once, processes start in a third of the time. */
const compiled = mkdtempSync(join(tmpdir(), 'afterword-compiled-'))
afterAll(() => rmSync(compiled, { recursive: true }))
export const compiledOnce = { NODE_COMPILE_CACHE: compiled }

/** A process on a folder that it shares with others. */
export class Sibling implements AsyncDisposable {
  readonly program: Program
  #calls = 0

  private constructor(
    folder: string,
    settings: SiblingSettings,
    under: readonly string[],
    env: Record<string, string>,
  ) {
    this.program = new Program(new URL('programs/sibling.ts', import.meta.url), {
      args: [folder, JSON.stringify(settings)],
      under,
      env: { ...compiledOnce, ...env },
    })
  }

  /** @param under a command that starts it, and `env` its environment, as in `ProgramOptions` */
  static async start(
    folder: string,
    settings: SiblingSettings = {},
    under: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<Sibling> {
    const sibling = new Sibling(folder, settings, under, env)
    await sibling.program.message('ready')
    return sibling
  }

  defer(job: string, args: unknown[], bound: CallOptions = {}): RemoteCall {
    const call = this.#call('defer', job, args, bound)
    const { program } = this
    const accepted = () => this.#accepted(call)
    return {
      get id() {
        return accepted()
      },
      get outcome() {
        return program.message<Ended>('outcome', (message) => message.call === call)
      },
      cancel: async () => {
        this.send({ type: 'cancel', call })
        return Boolean((await program.message('cancelled', (message) => message.call === call)).done)
      },
    }
  }

  /** Resolves with the record's id. */
  dispatch(job: string, args: unknown[], bound: CallOptions = {}): Promise<string> {
    return this.#accepted(this.#call('dispatch', job, args, bound))
  }

  ran(what: string, attempt = 1): Promise<Ran> {
    return this.program.message<Ran>('ran', (message) => message.what === what && Number(message.attempt) >= attempt)
  }

  /** The runs of the sibling so far. */
  get runs(): string[] {
    return this.program.messages.filter(({ type }) => type === 'ran').map(({ what }) => String(what))
  }

  get reports(): string[] {
    return this.program.messages.filter(({ type }) => type === 'report').map(({ code }) => String(code))
  }

  /** Lets what hangs end. */
  let(what: string): void {
    this.send({ type: 'let', what })
  }

  /** Cancels a call, whichever process has it. @param what its id, or the unique key of a call of the job */
  async withdraw(what: string, job?: string): Promise<boolean> {
    this.send({ type: 'withdraw', what, job })
    const { done, code } = await this.program.message('withdrawn', (message) => message.what === what)
    if (code !== undefined) throw Object.assign(new Error(`Not withdrawn: ${code}`), { code })
    return Boolean(done)
  }

  async pause(job: string, isPaused = true): Promise<void> {
    this.send({ type: 'pause', job, isPaused })
    await this.program.message('pause stored', (message) => message.job === job && message.isPaused === isPaused)
  }

  async work(options: WorkOptions = {}): Promise<void> {
    this.send({ type: 'work', options })
    await this.program.message('working')
  }

  async close(): Promise<void> {
    this.send({ type: 'close' })
    await this.program.message('closed')
    await this.program.exited
  }

  async kill(): Promise<void> {
    this.program.kill()
    await this.program.exited
  }

  send(message: ToSibling): void {
    this.program.send(message)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]()
  }

  #call(how: 'defer' | 'dispatch', job: string, args: unknown[], bound: CallOptions): number {
    const call = ++this.#calls
    this.send({ type: 'call', call, how, job, args, with: bound })
    return call
  }

  async #accepted(call: number): Promise<string> {
    const { id, code, message } = await this.program.message('answer', (answer) => answer.call === call)
    if (typeof id === 'string') return id
    throw Object.assign(new Error(String(message)), { code })
  }
}
