import type { Account } from './account.ts'
import { type Client, createClient } from './client.ts'
import { Marks } from './mark.ts'
import { type Message, Program, type ProgramOptions } from './program.ts'
import type { Host, Protocol } from './protocols.ts'
import type { Answer, Ask, Visit } from './visit.ts'
import { Wire } from './wire.ts'

export interface SiteOptions extends Omit<ProgramOptions, 'node'> {
  readonly host: Host
}

/** A server in a process of its own, on a real port, with its clients in this process. */
export class Site implements AsyncDisposable {
  readonly program: Program
  readonly marks = new Marks()
  readonly #protocol: Protocol
  readonly #port: number
  #client: Client | undefined
  #accounts = 0

  private constructor(program: Program, protocol: Protocol, port: number) {
    this.program = program
    this.#protocol = protocol
    this.#port = port
  }

  /** Starts a program, with the protocol as its first argument, and waits until it listens. */
  static async open(program: URL, { host, args = [], ...options }: SiteOptions): Promise<Site> {
    const child = new Program(program, { ...options, node: host.node, args: [host.protocol, ...args] })
    const { port } = await child.message<Message & { port: number }>('listening')
    return new Site(child, host.protocol, port)
  }

  /** Asks over the one connection of this site, which is opened when needed. */
  visit(path: string, ask?: Ask): Visit {
    this.#client ??= createClient(this.#protocol, this.#port, this.marks)
    return this.#client.visit(path, ask)
  }

  ask(path: string, ask?: Ask): Promise<Answer> {
    return this.visit(path, ask).answer
  }

  /** A connection of its own, to be written to by hand. */
  wire(): Wire {
    return new Wire(this.#protocol, this.#port)
  }

  /** Lets the handler go on that waits for this mark. */
  go(mark: string): void {
    this.program.send({ type: 'go', mark })
  }

  /** Resolves when the handler of that mark has told so. */
  async told(type: string, mark: string): Promise<void> {
    await this.program.message(type, (message) => message.mark === mark)
  }

  /** Resolves when a task of that mark has run. */
  ran(mark: string): Promise<void> {
    return this.told('ran', mark)
  }

  /** Closes the connection, waits until nothing is left to do, and tells what happened since the last account. */
  async account(): Promise<Account> {
    this.#client?.close()
    this.#client = undefined
    const number = ++this.#accounts
    this.program.send({ type: 'account', number })
    const { account } = await this.program.message<Message & { account: Account }>(
      'account',
      (message) => message.number === number,
    )
    return account
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close()
    await this.program[Symbol.asyncDispose]()
    this.marks[Symbol.dispose]()
  }
}
