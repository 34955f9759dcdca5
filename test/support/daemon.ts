import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { chown, mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'

export type Account = Pick<SpawnOptions, 'uid' | 'gid'>

export interface DaemonOptions {
  readonly command: string
  /** Makes the command line. The port is on the loopback interface, the folder is empty. */
  readonly args: (port: number, folder: string) => readonly string[]
  /** Fills the folder. */
  readonly prepare?: (folder: string) => Promise<void>
  /** The text that the daemon prints once it answers. */
  readonly ready: RegExp
  /** The advice where the command is missing. */
  readonly missing: string
  readonly stop: NodeJS.Signals
  readonly account?: Account
}

/** A server program of the machine, on a port of its own, with its data in a folder of its own. Both end with it. */
export class Daemon implements AsyncDisposable {
  readonly port: number
  readonly #options: DaemonOptions
  readonly #folder: string
  #child: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()
  // Also where this process ends before it could let go of it.
  readonly #remove = () => {
    this.#child?.kill(this.#options.stop)
    remove(this.#folder)
  }

  private constructor(options: DaemonOptions, port: number, folder: string) {
    this.#options = options
    this.port = port
    this.#folder = folder
    process.once('exit', this.#remove)
  }

  /** Resolves when it answers. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { command, prepare, account = {} } = options
    const folder = await mkdtemp(join(tmpdir(), `afterword-${basename(command)}-`))
    try {
      if (account.uid !== undefined && account.gid !== undefined) await chown(folder, account.uid, account.gid)
      await prepare?.(folder)
    } catch (error) {
      remove(folder)
      throw error
    }
    const daemon = new Daemon(options, await freePort(), folder)
    try {
      await daemon.#run()
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Ends the program as a signal does; its data stays. Resolves when it has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child?.kill(signal)
    await this.#exited
  }

  /** Stops the program where it is, as a machine that hangs: its connections stay open, and nothing answers. */
  suspend(): void {
    this.#child?.kill('SIGSTOP')
  }

  /** Lets a suspended program go on. */
  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Runs the program again that was killed, on the same port and the same data. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.#run()
  }

  async #run(): Promise<void> {
    const { command, args, ready, missing, account = {} } = this.#options
    const child = spawn(command, args(this.port, this.#folder), {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: this.#folder,
      ...account,
    })
    await once(child, 'spawn').catch((cause) => {
      throw new Error(`${command} could not be started. ${missing}`, { cause })
    })
    this.#child = child
    // Its children have its pipes: when those are closed, all of them have ended, and their memory is free.
    this.#exited = once(child, 'close')
    const lines: string[] = []
    const answers = new Promise<boolean>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        // Read for as long as it lives: a full pipe would stop it.
        createInterface(stream as NodeJS.ReadableStream).on('line', (line) => {
          if (ready.test(line)) resolve(true)
          else if (lines.length < 100) lines.push(line)
        })
      }
    })
    if (await Promise.race([answers, this.#exited.then(() => false)])) return
    throw new Error(`${command} ended before it answered:\n${lines.join('\n')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume()
    await this.kill(this.#options.stop)
    process.off('exit', this.#remove)
    remove(this.#folder)
  }
}

function remove(folder: string): void {
  // What is ending may still write there.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port')
  return address.port
}
