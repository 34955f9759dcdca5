import { cpSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { NextBuild, nextEnvironment } from '../../tools/next-build.ts'
import type { Run } from './account.ts'
import { type Client, createClient } from './client.ts'
import { Marks } from './mark.ts'
import { type Message, Program, type ProgramOptions } from './program.ts'
import type { Answer, Ask, Visit } from './visit.ts'

/** The example and the test app in one, as `next build` has built it. */
export class NextApp implements Disposable {
  readonly #build = new NextBuild('test/adapters/next-app')

  /** @param overlay what is laid over it */
  static async build(overlay?: URL): Promise<NextApp> {
    const app = new NextApp()
    await app.#run(overlay)
    return app
  }

  async #run(overlay: URL | undefined): Promise<void> {
    const { app } = this.#build
    this.#build.copy('examples/next/app', 'test/adapters/next-app/app')
    this.#build.copy('test/support/mark.ts')
    if (overlay !== undefined) {
      rmSync(join(app, 'proxy.ts'))
      cpSync(fileURLToPath(overlay), app, { recursive: true })
    }
    await this.#build.run()
  }

  /** `next start`. */
  start({ env, ...options }: ProgramOptions = {}): Promise<NextSite> {
    const { app, program } = this.#build
    return NextSite.open((port) => {
      const args = ['start', app, '-p', String(port), '-H', '127.0.0.1']
      return new Program(pathToFileURL(program), { ...options, args, env: { ...nextEnvironment, ...env } })
    })
  }

  /** Takes the package away: what was built has to do with what it has. */
  uninstall(): void {
    this.#build.uninstall()
  }

  /** `node server.js` of `output: 'standalone'`. */
  standalone({ env: more }: ProgramOptions = {}): Promise<NextSite> {
    const { app } = this.#build
    const server = join(app, '.next/standalone', relative('/', app), 'server.js')
    return NextSite.open((port) => {
      const env = { ...nextEnvironment, PORT: String(port), HOSTNAME: '127.0.0.1', ...more }
      return new Program(pathToFileURL(server), { node: 22, env })
    })
  }

  [Symbol.dispose](): void {
    this.#build[Symbol.dispose]()
  }
}

/** The events that a server told of since it was last asked. */
export interface NextAccount {
  readonly runs: readonly Run[]
  readonly reports: readonly { readonly code: string; readonly cause: string }[]
  readonly left: readonly string[]
}

/** A Next server in a process of its own, with a client in this one. */
export class NextSite implements AsyncDisposable {
  readonly program: Program
  readonly origin: string
  readonly #marks = new Marks()
  readonly #client: Client
  #accounts = 0
  #told = 0

  private constructor(program: Program, port: number) {
    this.program = program
    this.origin = `http://127.0.0.1:${port}`
    this.#client = createClient('HTTP/1.1', port, this.#marks)
  }

  static async open(start: (port: number) => Program): Promise<NextSite> {
    const port = await freePort()
    const program = start(port)
    await program.message('listening')
    return new NextSite(program, port)
  }

  visit(path: string, ask?: Ask): Visit {
    return this.#client.visit(path, ask)
  }

  ask(path: string, ask?: Ask): Promise<Answer> {
    return this.visit(path, ask).answer
  }

  /** Resolves when the app waits for the test. */
  async waiting(mark: string): Promise<void> {
    await this.program.message('waiting', (message) => message.mark === mark)
  }

  /** Lets the app go on. */
  go(mark: string): void {
    this.program.send({ type: 'go', mark })
  }

  /** Waits until nothing is left to do, and tells what happened since the last account. */
  async account(): Promise<NextAccount> {
    const number = ++this.#accounts
    this.program.send({ type: 'account', number })
    const { left } = await this.program.message<Message & { left: string[] }>(
      'account',
      (message) => message.number === number,
    )
    return { ...this.told(), left }
  }

  /** Resolves when all that is due in the server has begun. */
  async pause(): Promise<void> {
    const number = ++this.#accounts
    this.program.send({ type: 'pause', number })
    await this.program.message('pause', (message) => message.number === number)
  }

  /** The events since the last account, from the messages alone. */
  told(): Omit<NextAccount, 'left'> {
    const messages = this.program.messages.slice(this.#told)
    this.#told = this.program.messages.length
    return {
      runs: messages.filter(({ type }) => type === 'run').map(({ run }) => run as Run),
      reports: messages
        .filter(({ type }) => type === 'report')
        .map(({ code, cause }) => ({ code: String(code), cause: String(cause) })),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
    await this.program[Symbol.asyncDispose]()
    this.#marks[Symbol.dispose]()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<number>()
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resolve(port))
  })
  return promise
}
