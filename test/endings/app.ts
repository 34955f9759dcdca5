import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type NodeVersion, nodes } from '../../tools/nodes.ts'
import { ConsoleProgram } from '../support/console-program.ts'
import { Gate } from './gate.ts'

const program = fileURLToPath(new URL('programs/app.ts', import.meta.url))

export interface AppOptions {
  /** @default the Node that runs the tests */
  readonly node?: NodeVersion
  readonly env?: Record<string, string>
  readonly terminal?: boolean
  /** A request has been answered, and its task waits at the gate. */
  readonly request?: boolean
  /** The file of the program. @default `programs/app.ts` */
  readonly file?: string
  /** Makes the command that starts a program. @default Node itself */
  readonly command?: (node: string, file: string) => readonly string[]
  readonly cwd?: string
}

/** A server whose requests defer a task that waits at a gate. */
export class App extends ConsoleProgram {
  readonly gate: Gate
  #url = ''

  private constructor(gate: Gate, options: AppOptions) {
    const {
      node,
      env,
      file = program,
      command = (node, file) => [node, '--disable-warning=ExperimentalWarning', file],
    } = options
    super(command(node === undefined ? process.execPath : nodes[node], file), {
      ...options,
      env: { GATE: gate.url, ...env },
    })
    this.gate = gate
  }

  /** Resolves when the server listens. */
  static async start(options: AppOptions = {}): Promise<App> {
    const app = new App(await Gate.open(), options)
    try {
      const [, port] = await app.printed(/listening (\d+)\r?\n/)
      app.#url = `http://127.0.0.1:${port}/`
      if (options.request) await app.request()
      return app
    } catch (error) {
      await app[Symbol.asyncDispose]()
      throw error
    }
  }

  get url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  /** Makes a request, and waits until its task has begun. */
  async request(): Promise<void> {
    const before = this.gate.visits.filter((visit) => visit === 'held mail').length
    await (await fetch(this.#url)).text()
    await this.visited('held mail', before + 1)
  }

  /** Resolves when the gate was visited under that name, that many times. Rejects if the app ends without. */
  async visited(name: string, times = 1): Promise<void> {
    const ended = this.exited.then((code) => {
      throw new Error(`The app ended with ${code}, without "${name}".\n${this.stdout}\n${this.stderr}`)
    })
    ended.catch(() => {})
    await Promise.race([this.gate.visited(name, times), ended])
  }

  /** Resolves when the app takes no further connection. */
  async stoppedListening(): Promise<void> {
    const { port } = this
    for (let open = true; open; ) {
      const socket = connect(port, '127.0.0.1')
      open = await new Promise<boolean>((resolve) => {
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      })
      socket.destroy()
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]()
    await this.gate[Symbol.asyncDispose]()
  }
}
