import type { ServerResponse } from 'node:http'
import type { Intake } from 'afterword'

/**
 * Server-sent events for every open page: https://html.spec.whatwg.org/multipage/server-sent-events.html
 * As an intake it is part of the shutdown: a response that never ends would hold that up.
 */
export class Stream implements Intake {
  readonly #pages = new Set<ServerResponse>()
  #stopped = false

  /** Keeps the response open until its page is left. */
  open(res: ServerResponse, event: string, data: unknown): void {
    if (this.#stopped) return void res.writeHead(503).end()
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    res.write(message(event, data))
    this.#pages.add(res)
    res.on('close', () => this.#pages.delete(res))
  }

  send(event: string, data: unknown): void {
    // A page that was ended takes nothing more, and has not left yet.
    if (this.#stopped || this.#pages.size === 0) return
    const text = message(event, data)
    for (const page of this.#pages) page.write(text)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const page of this.#pages) page.end()
  }

  abort(): void {
    for (const page of this.#pages) page.destroy()
  }
}

function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
