import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The messages of a process. */
interface News {
  readonly port?: number
  /** The number of calls that the engine does not have yet. */
  readonly waiting?: number
  /** The code of a report. */
  readonly report?: string
}

/** A process of the fleet: it can be killed, and is then started again. It emits `report`, with a code. */
export abstract class FleetProcess extends EventEmitter<{ report: [code: string] }> {
  readonly name: string
  readonly #file: string
  readonly #args: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  #child: ChildProcess | undefined
  #isUp = false

  constructor(name: string, program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    super()
    this.name = name
    this.#file = program
    this.#args = args
    this.#env = { ...process.env, ...env, NODE_OPTIONS: '' }
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Starts the process. Resolves when it is at work. */
  async start(): Promise<void> {
    const child = fork(this.#file, this.#args, {
      env: this.#env,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    this.#child = child
    child.stdout?.resume()
    child.on('message', (news: News) => {
      this.heard(news)
      if (news.report !== undefined) this.emit('report', news.report)
    })
    // None is left behind, however this process ends; what they have on the disk is removed after that.
    const kill = () => child.kill('SIGKILL')
    process.prependOnceListener('exit', kill)
    child.on('exit', () => {
      process.off('exit', kill)
      this.#isUp = false
    })
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`${this.name} ended with ${signal ?? code} before it was at work`)
    })
    ended.catch(() => {})
    await Promise.race([this.ready(child), ended])
    this.#isUp = true
  }

  /** Ends the process as a lack of memory does. */
  async kill(): Promise<void> {
    const child = this.#child as ChildProcess
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** Ends the process as a deploy does. @returns its exit code */
  async end(): Promise<number | null> {
    const child = this.#child as ChildProcess
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    return (await exit)[0]
  }

  protected abstract ready(child: ChildProcess): Promise<void>
  protected abstract heard(news: News): void
  /** The state of the process in a few words. */
  abstract get news(): string
}

/** A web process, with a journal of its own before the engine. */
export class WebProcess extends FleetProcess {
  #port: number | undefined
  #waiting = 0

  constructor(name: string, journal: string, env: Readonly<Record<string, string>>) {
    super(name, file('web.ts'), [], { ...env, JOURNAL: journal })
  }

  /** The address, while the process is up. */
  get url(): string | undefined {
    return this.isUp ? `http://127.0.0.1:${this.#port}` : undefined
  }

  protected async ready(child: ChildProcess): Promise<void> {
    // A report may come first.
    for (this.#port = undefined; this.#port === undefined; ) await once(child, 'message')
  }

  protected heard({ port = this.#port, waiting = this.#waiting }: News): void {
    this.#port = port
    this.#waiting = waiting
  }

  get news(): string {
    return `${this.#waiting} calls on their way to the engine`
  }
}

/** A worker: `npx afterword work jobs.ts`. */
export class WorkerProcess extends FleetProcess {
  constructor(name: string, env: Readonly<Record<string, string>>) {
    super(name, file('../../dist/cli/bin.js'), ['work', file('jobs.ts'), '--concurrency', '20'], env)
  }

  protected async ready(child: ChildProcess): Promise<void> {
    // The command line says so when its worker has begun.
    await once(child.stdout as NodeJS.ReadableStream, 'data')
  }

  protected heard(): void {}

  get news(): string {
    return 'npx afterword work jobs.ts'
  }
}
