import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Entry } from '../../examples/signup/timeline.ts'

const program = fileURLToPath(new URL('../../examples/signup/server.ts', import.meta.url))

/** The sign-up example as a user starts it: a process of its own. */
export class SignupApp implements AsyncDisposable {
  readonly url: string
  readonly exited: Promise<number | null>
  #stderr = ''
  readonly #child: ChildProcess
  readonly #data: string

  private constructor(child: ChildProcess, data: string, url: string) {
    this.#child = child
    this.#data = data
    this.url = url
    this.exited = once(child, 'close').then(([code]) => code)
    child.stderr?.setEncoding('utf8').on('data', (text) => (this.#stderr += text))
  }

  /** Without reports of slow tasks: a busy machine may interrupt any task for a while. */
  get stderr(): string {
    return this.#stderr.replace(/^AFTERWORD_SLOW_TASK: .*\n/gm, '')
  }

  /** Resolves when it has printed its address. */
  static async start(port = 0): Promise<SignupApp> {
    const data = await mkdtemp(join(tmpdir(), 'afterword-signup-'))
    const env = { ...process.env, NODE_OPTIONS: '', PORT: String(port), DATA: data }
    const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for await (const line of createInterface(child.stdout)) {
      const url = /http:\/\/localhost:\d+/.exec(line)?.[0]
      if (url === undefined) continue
      child.stdout.resume()
      return new SignupApp(child, data, url)
    }
    throw new Error('The example ended without printing its address.')
  }

  signUp(input: unknown, path = '/signup'): Promise<Response> {
    const headers = { 'content-type': 'application/json' }
    return fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(input) })
  }

  async inbox(): Promise<{ id: string; to: string; subject: string }[]> {
    return (await (await fetch(`${this.url}/inbox`)).json()) as { id: string; to: string; subject: string }[]
  }

  async mail(id: string): Promise<{ text: string; source: string }> {
    return (await (await fetch(`${this.url}/inbox/${id}`)).json()) as { text: string; source: string }
  }

  logFile(): Promise<string> {
    return readFile(join(this.#data, 'access.log'), 'utf8')
  }

  /** Opens /events, as the page does. */
  async watch(): Promise<Watcher> {
    return new Watcher(await fetch(`${this.url}/events`))
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
    await rm(this.#data, { recursive: true })
  }
}

/** Reads server-sent events, in order. */
export class Watcher {
  /** Every state of every sign-up, as told. */
  readonly entries: Entry[] = []
  readonly #messages: AsyncGenerator<{ event: string; data: unknown }>

  constructor(response: Response) {
    this.#messages = messages(response)
  }

  /** The first state of the sign-up of that address which `accepts`, from here on. */
  async until(email: string, accepts: (entry: Entry) => boolean): Promise<Entry> {
    for (;;) {
      const { value, done } = await this.#messages.next()
      if (done) throw new Error(`The stream ended. The last it told: ${JSON.stringify(this.entries.at(-1))}`)
      if (value.event !== 'signup') continue
      const entry = value.data as Entry
      this.entries.push(entry)
      if (entry.email === email && accepts(entry)) return entry
    }
  }

  /** Resolves when the server has ended the stream. */
  async ended(): Promise<void> {
    for await (const _ of this.#messages);
  }

  of(email: string): Entry[] {
    return this.entries.filter((entry) => entry.email === email)
  }
}

async function* messages(response: Response): AsyncGenerator<{ event: string; data: unknown }> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const [event, data] = part.split('\n').map((line) => line.slice(line.indexOf(': ') + 2))
      yield { event: event ?? '', data: JSON.parse(data ?? '') }
    }
  }
}
