import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'

/** The lines that every example prints of a sign-up, in this order. */
export const afterResponse = ['welcome a@b.c', 'track signup a@b.c']

/** The visit of an example that does what it should. */
export const asItShould = (lines: readonly string[] = afterResponse) => ({
  refused: [400, 400],
  accepted: 201,
  lines,
  exitCode: 0,
})

export interface Command {
  readonly executable: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** An example as a user starts it: a process of its own, on a free port. */
export class Example implements AsyncDisposable {
  /** The URL at which the example listens. */
  url = ''
  /** The output so far, without the address. */
  readonly #lines: string[] = []
  readonly #child: ChildProcess
  readonly #output: Interface
  readonly #exited: Promise<number | null>
  #stderr = ''

  private constructor({ executable, args, env: more }: Command) {
    const usual = { NODE_OPTIONS: '', NODE_ENV: 'production' as const, NO_COLOR: '1', PORT: '0' }
    const env = { ...process.env, ...usual, ...more }
    const child = spawn(executable, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#exited = once(child, 'close').then(([code]) => code)
    this.#output = createInterface(child.stdout)
    this.#output.on('line', (line) => {
      if (!this.#findUrl(line)) this.#lines.push(line)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
      // `deno serve` tells its address here.
      if (this.url === '' && this.#findUrl(this.#stderr)) this.#output.emit('found')
    })
  }

  /** Resolves when it has printed its address. */
  static async start(command: Command): Promise<Example> {
    const example = new Example(command)
    await example.#until(() => example.url !== '')
    return example
  }

  /** Asks an example with bad and good input, then ends it by SIGTERM. @returns its answers and its output */
  async visit() {
    const refused = [await this.#signUp({}), await this.#signUp({ email: 'nobody' })]
    const accepted = await this.#signUp({ email: 'a@b.c' })
    await this.prints('track signup a@b.c')
    const exitCode = await this.end()
    return { refused, accepted, lines: this.#lines, exitCode }
  }

  /** Resolves when it has printed that line, or one like it. */
  prints(line: string | RegExp): Promise<void> {
    return this.#until(() =>
      this.#lines.some((printed) => (line instanceof RegExp ? line.test(printed) : line === printed)),
    )
  }

  /** All that it has printed, the errors last. */
  get output(): string {
    return `${this.#lines.join('\n')}\n${this.#stderr}`
  }

  /** Ends it with a SIGTERM, and tells its exit code. */
  end(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async #signUp(body: unknown): Promise<number> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${this.url}/signup`, { method: 'POST', headers, body: JSON.stringify(body) })
    await response.arrayBuffer()
    return response.status
  }

  #findUrl(text: string): boolean {
    const port = /http:\/\/(?:localhost|0\.0\.0\.0):(\d+)/.exec(text)?.[1]
    if (port === undefined) return false
    this.url = `http://localhost:${port}`
    return true
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const ended = this.#exited.then(() => 'ended')
      const news = [once(this.#output, 'line'), once(this.#output, 'found')]
      if ((await Promise.race([...news, ended])) !== 'ended' || isSo()) continue
      throw new Error(`The example has ended.\n${this.#lines.join('\n')}\n${this.#stderr}`)
    }
  }
}
