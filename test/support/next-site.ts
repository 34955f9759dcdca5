import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildNext, nextEnvironment, nextProgram, repository } from '../../tools/next-build.ts'
import type { Run } from './account.ts'
import { type Client, createClient } from './client.ts'
import { Marks } from './mark.ts'
import { type Message, Program } from './program.ts'
import type { Answer, Ask, Visit } from './visit.ts'

/** An app that `next build` has built, in a folder of its own where `afterword` is installed. */
export class NextApp implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'afterword-next-'))
  readonly #app = join(this.#folder, 'test/adapters/next-app')

  /** The example, the test app over it, and `overlay` over that. */
  static async build(overlay?: URL): Promise<NextApp> {
    const app = new NextApp()
    await app.#build(overlay)
    return app
  }

  async #build(overlay: URL | undefined): Promise<void> {
    const take = (path: string, to = path) => {
      cpSync(join(repository, path), join(this.#folder, to), { recursive: true })
    }
    take('examples/next')
    take('examples/next/app', 'test/adapters/next-app/app')
    take('test/adapters/next-app')
    take('test/support/mark.ts')
    if (overlay !== undefined) {
      rmSync(join(this.#app, 'proxy.ts'))
      cpSync(fileURLToPath(overlay), this.#app, { recursive: true })
    }
    await buildNext(this.#folder, this.#app)
  }

  /** `next start`. */
  start(more: Record<string, string> = {}): Promise<NextSite> {
    return NextSite.open((port) => {
      const args = ['start', this.#app, '-p', String(port), '-H', '127.0.0.1']
      const program = pathToFileURL(nextProgram(this.#folder))
      return new Program(program, { args, env: { ...nextEnvironment, ...more } })
    })
  }

  /** `node server.js` of `output: 'standalone'`. */
  standalone(): Promise<NextSite> {
    const server = join(this.#app, '.next/standalone', relative('/', this.#app), 'server.js')
    return NextSite.open((port) => {
      const env = { ...nextEnvironment, PORT: String(port), HOSTNAME: '127.0.0.1' }
      return new Program(pathToFileURL(server), { node: 22, env })
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}

/** What a server told of since it was last asked. */
export interface NextAccount {
  readonly runs: readonly Run[]
  readonly reports: readonly { readonly code: string; readonly cause: string }[]
  readonly left: readonly string[]
}

/** A Next server in a process of its own, with a client in this one. */
export class NextSite implements AsyncDisposable {
  readonly program: Program
  readonly #marks = new Marks()
  readonly #client: Client
  #accounts = 0
  #told = 0

  private constructor(program: Program, port: number) {
    this.program = program
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

  /** What happened since the last account, from the messages alone. */
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
