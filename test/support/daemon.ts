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
  readonly #child: ChildProcess
  readonly #stop: NodeJS.Signals
  readonly #exited: Promise<unknown>
  readonly #remove: () => void

  private constructor(child: ChildProcess, port: number, folder: string, stop: NodeJS.Signals) {
    this.port = port
    this.#child = child
    this.#stop = stop
    this.#exited = once(child, 'exit')
    this.#remove = () => {
      child.kill(stop)
      remove(folder)
    }
    // Also where this process ends before it could let go of it.
    process.once('exit', this.#remove)
  }

  /** Resolves when it answers. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { command, args, prepare, missing, stop, account = {} } = options
    const folder = await mkdtemp(join(tmpdir(), `afterword-${basename(command)}-`))
    try {
      if (account.uid !== undefined && account.gid !== undefined) await chown(folder, account.uid, account.gid)
      await prepare?.(folder)
      const port = await freePort()
      const child = spawn(command, args(port, folder), { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder, ...account })
      await once(child, 'spawn').catch((cause) => {
        throw new Error(`${command} could not be started. ${missing}`, { cause })
      })
      const daemon = new Daemon(child, port, folder, stop)
      await daemon.#answers(options)
      return daemon
    } catch (error) {
      remove(folder)
      throw error
    }
  }

  async #answers({ command, ready }: DaemonOptions): Promise<void> {
    const lines: string[] = []
    const answers = new Promise<boolean>((resolve) => {
      for (const stream of [this.#child.stdout, this.#child.stderr]) {
        // Read for as long as it lives: a full pipe would stop it.
        createInterface(stream as NodeJS.ReadableStream).on('line', (line) => {
          if (ready.test(line)) resolve(true)
          else if (lines.length < 100) lines.push(line)
        })
      }
    })
    if (await Promise.race([answers, this.#exited.then(() => false)])) return
    await this[Symbol.asyncDispose]()
    throw new Error(`${command} ended before it answered:\n${lines.join('\n')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill(this.#stop)
    await this.#exited
    process.off('exit', this.#remove)
    this.#remove()
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
