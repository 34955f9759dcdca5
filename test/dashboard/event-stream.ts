import type { DashboardEvents } from '../../src/dashboard/views.ts'

/** The events of a dashboard, as a page hears them. */
export class EventStream implements AsyncDisposable {
  readonly response: Response
  readonly #controller: AbortController
  readonly #decoder = new TextDecoder()
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #text = ''

  private constructor(response: Response, controller: AbortController) {
    this.response = response
    this.#controller = controller
    this.#reader = (response.body as ReadableStream<Uint8Array>).getReader()
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    const controller = new AbortController()
    return new EventStream(await fetch(url, { headers, signal: controller.signal }), controller)
  }

  /** Waits for an event of that name, for which `accepts` is true. */
  async next<E extends keyof DashboardEvents>(
    name: E,
    accepts: (data: DashboardEvents[E]) => boolean = () => true,
  ): Promise<DashboardEvents[E]> {
    for (;;) {
      const data = this.#take(name) as DashboardEvents[E] | undefined
      if (data !== undefined && accepts(data)) return data
      if (data === undefined && !(await this.#read())) throw new Error(`The stream has ended before "${name}"`)
    }
  }

  /** Reads to the end of the stream. */
  async ended(): Promise<void> {
    while (await this.#read());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort()
    await this.#reader.cancel().catch(() => {})
  }

  /** Takes the next event of a name; those before it are left out. */
  #take(name: string): unknown {
    for (let end = this.#text.indexOf('\n\n'); end >= 0; end = this.#text.indexOf('\n\n')) {
      const [event, data] = this.#text.slice(0, end).split('\n')
      this.#text = this.#text.slice(end + 2)
      if (event === `event: ${name}`) return JSON.parse((data as string).slice('data: '.length))
    }
    return undefined
  }

  async #read(): Promise<boolean> {
    const { value, done } = await this.#reader.read()
    if (value !== undefined) this.#text += this.#decoder.decode(value, { stream: true })
    return !done
  }
}
