import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Runtime, runtimes } from '../../tools/runtimes.ts'

const program = fileURLToPath(new URL('programs/mounted.ts', import.meta.url))

/** An app with a dashboard, in a process of its own. */
export class MountedApp implements AsyncDisposable {
  readonly origin: string
  readonly #child: ChildProcess
  /** Resolves with the exit code, or the signal. */
  readonly ended: Promise<unknown>

  private constructor(child: ChildProcess, ended: Promise<unknown>, port: string) {
    this.#child = child
    this.ended = ended
    this.origin = `http://127.0.0.1:${port}`
  }

  /** Starts an app in a framework, and waits until it listens. */
  static async start(framework: string, runtime: Runtime): Promise<MountedApp> {
    const { executable, args } = runtimes[runtime]
    const env = { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'test' as const }
    const child = spawn(executable, [...args, program, framework], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
    const ended = once(child, 'close').then(([code, signal]) => (output === '' ? (code ?? signal) : output))
    for await (const line of createInterface(child.stdout)) {
      const [, port] = /^listening (\d+)$/.exec(line) ?? []
      if (port !== undefined) return new MountedApp(child, ended, port)
    }
    throw new Error(`The app has ended: ${await ended}`)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  stop(): void {
    this.#child.kill('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
