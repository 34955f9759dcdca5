import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Entry } from '../../examples/signup/entry.ts'

const program = fileURLToPath(new URL('../../examples/signup/main.ts', import.meta.url))

/** The sign-up example as a user starts it: a process of its own. */
export class SignupApp implements AsyncDisposable {
  readonly url: string
  readonly exited: Promise<number | null>
  #stderr = ''
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #data: string

  private constructor(child: ChildProcess, lines: AsyncIterator<string>, data: string, url: string) {
    this.#child = child
    this.#lines = lines
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
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const url = await printed(lines, /http:\/\/localhost:\d+/)
    return new SignupApp(child, lines, data, url)
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
    return Watcher.open(await fetch(`${this.url}/events`))
  }

  /** Resolves when the server was killed, and another one has taken its place. @returns the pids of both */
  async restarted(): Promise<number[]> {
    const line = await printed(this.#lines, /^The server was killed.*/)
    return Array.from(line.matchAll(/pid (\d+)/g), ([, pid]) => Number(pid))
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

/** Reads lines until one matches. @returns the match */
async function printed(lines: AsyncIterator<string>, pattern: RegExp): Promise<string> {
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error(`The example ended without printing ${pattern}.`)
    const found = pattern.exec(value)
    if (found !== null) return found[0]
  }
}

/** The first message of /events. */
interface State {
  readonly signups: readonly Entry[]
  readonly mails: readonly { to: string }[]
}

/** Reads server-sent events, in order. */
export class Watcher {
  readonly first: State
  /** Every state of every sign-up, as told. */
  readonly entries: Entry[] = []
  readonly #messages: AsyncGenerator<{ event: string; data: unknown }>

  private constructor(first: State, events: AsyncGenerator<{ event: string; data: unknown }>) {
    this.first = first
    this.#messages = events
  }

  static async open(response: Response): Promise<Watcher> {
    const events = messages(response)
    const { value } = await events.next()
    return new Watcher(value.data as State, events)
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
