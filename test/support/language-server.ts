import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: unknown
  readonly error?: unknown
  readonly params?: { readonly items?: readonly unknown[] }
}

/** TypeScript's language server, as an editor starts it. Files are given as text, as if they lay in the project's root. */
export class LanguageServer implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #answers = new Map<number, PromiseWithResolvers<unknown>>()
  #received = Buffer.alloc(0)
  #last = 0

  private constructor() {
    const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
    const child = spawn(process.execPath, [tsc, '--lsp', '--stdio'], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdout.on('data', (bytes: Buffer) => this.#receive(bytes))
    child.on('close', () => {
      for (const { reject } of this.#answers.values()) reject(new Error('The language server has ended.'))
    })
    this.#child = child
  }

  static async start(): Promise<LanguageServer> {
    const server = new LanguageServer()
    const hover = { contentFormat: ['markdown'] }
    const capabilities = { textDocument: { hover } }
    await server.#ask('initialize', { processId: process.pid, rootUri: pathToFileURL(root).href, capabilities })
    server.#send({ method: 'initialized', params: {} })
    return server
  }

  open(file: string, text: string): void {
    const textDocument = { uri: uriOf(file), languageId: 'typescript', version: 1, text }
    this.#send({ method: 'textDocument/didOpen', params: { textDocument } })
  }

  /** The quick info at a place, as Markdown. */
  async quickInfo(file: string, line: number, character: number): Promise<string> {
    const at = { textDocument: { uri: uriOf(file) }, position: { line, character } }
    const hover = (await this.#ask('textDocument/hover', at)) as { contents: { value: string } } | null
    return hover?.contents.value ?? ''
  }

  /** The names that are offered at a place. */
  async completions(file: string, line: number, character: number): Promise<string[]> {
    const at = { textDocument: { uri: uriOf(file) }, position: { line, character } }
    const list = (await this.#ask('textDocument/completion', at)) as { items: { label: string }[] } | null
    return (list?.items ?? []).map(({ label }) => label)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }

  #ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#last
    const answer = Promise.withResolvers<unknown>()
    this.#answers.set(id, answer)
    this.#send({ id, method, params })
    return answer.promise
  }

  #send(message: object): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#child.stdin?.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }

  #receive(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes])
    for (;;) {
      const head = this.#received.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = Number(/Content-Length: (\d+)/i.exec(this.#received.toString('latin1', 0, head))?.[1])
      const end = head + 4 + length
      if (this.#received.length < end) return
      this.#take(JSON.parse(this.#received.toString('utf8', head + 4, end)) as Message)
      this.#received = this.#received.subarray(end)
    }
  }

  #take({ id, method, result, error, params }: Message): void {
    if (id === undefined) return
    // A question of the server: for settings, which are none, or something else that needs no answer.
    if (method !== undefined) return this.#send({ id, result: params?.items?.map(() => null) ?? null })
    const answer = this.#answers.get(id)
    this.#answers.delete(id)
    if (error === undefined) answer?.resolve(result)
    else answer?.reject(new Error(JSON.stringify(error)))
  }
}

function uriOf(file: string): string {
  return pathToFileURL(root + file).href
}
