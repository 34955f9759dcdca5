import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ListedSignup } from '../../examples/signup/signups.ts'
import type { RequestView } from '../../src/dashboard/views.ts'

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

  /** The first event of /events, as the page gets it. */
  async state(): Promise<State> {
    const messages = messagesOf(await fetch(`${this.url}/events`))
    const { value } = await messages.next()
    await messages.return(undefined)
    return value.data as State
  }

  /** Hears the dashboard, as its page does. */
  async watch(): Promise<Watcher> {
    return Watcher.open(await fetch(`${this.url}/afterword/events`))
  }

  /** Resolves when stderr has a text. */
  async prints(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stderr)) await once(this.#child.stderr!, 'data')
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
  readonly signups: readonly ListedSignup[]
  readonly mails: readonly { to: string }[]
  readonly log: { readonly lines: readonly string[] }
}

/** Reads the requests that the dashboard tells, in order. */
export class Watcher {
  /** Every state of every request since the watcher has looked, as told. */
  readonly told: RequestView[] = []
  readonly #messages: AsyncGenerator<Message>
  /** The requests of before. */
  readonly #known: ReadonlySet<string>

  private constructor(messages: AsyncGenerator<Message>, known: ReadonlySet<string>) {
    this.#messages = messages
    this.#known = known
  }

  static async open(response: Response): Promise<Watcher> {
    const messages = messagesOf(response)
    const first = await next(messages, 'requests')
    return new Watcher(messages, new Set(first.map(({ id }) => id)))
  }

  /** Resolves with the first state of a request, or of work outside one, that `accepts` it, from here on. */
  async until(accepts: (row: RequestView) => boolean): Promise<RequestView> {
    for (;;) {
      const rows = (await next(this.#messages, 'requests')).filter(({ id }) => !this.#known.has(id))
      this.told.push(...rows)
      const found = rows.find(accepts)
      if (found !== undefined) return found
    }
  }

  /** Resolves when the server has ended the stream. */
  async ended(): Promise<void> {
    for await (const { event, data } of this.#messages) {
      if (event === 'requests') this.told.push(...(data as RequestView[]))
    }
  }
}

interface Message {
  readonly event: string
  readonly data: unknown
}

async function next(messages: AsyncGenerator<Message>, event: 'requests'): Promise<RequestView[]> {
  for (;;) {
    const { value, done } = await messages.next()
    if (done) throw new Error('The stream has ended.')
    if (value.event === event) return value.data as RequestView[]
  }
}

async function* messagesOf(response: Response): AsyncGenerator<Message> {
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
