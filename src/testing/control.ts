import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SceneName, StageEvent } from './stage.ts'

/** The answer that a client got. */
interface ClientAnswer {
  readonly status: number
  readonly body: string
  /** The body came to its proper end. */
  readonly complete: boolean
}

/** One request to a scene. */
export interface Visit {
  readonly id: string
  readonly path: string
  readonly answer: Promise<ClientAnswer>
  /** Resolves when the body so far contains the text. */
  heard(text: string): Promise<void>
  /** Closes the connection. */
  leave(): void
}

/** The test's end of a contract: it visits the server, hears what happens in it, and gives the cues. */
export class Control implements AsyncDisposable {
  readonly marks = mkdtempSync(join(tmpdir(), 'afterword-contract-'))
  readonly events: StageEvent[] = []
  // A kept-alive connection stays: a stage that computes for long would tell its next event over one that is being closed.
  readonly #server = createServer({ keepAliveTimeout: 0 })
  readonly #waiting = new Set<() => void>()
  readonly #cues = new Map<string, ServerResponse>()
  readonly #cued = new Set<string>()
  #visits = 0

  /** Resolves with the URL that the stage needs. */
  async listen(): Promise<string> {
    this.#server.on('request', async (req, res) => {
      const cue = req.url?.match(/^\/cue\/(.*)/)?.[1]
      if (cue !== undefined) return this.#cued.has(cue) ? void res.end() : void this.#cues.set(cue, res)
      let text = ''
      for await (const chunk of req) text += chunk
      this.events.push(JSON.parse(text) as StageEvent)
      res.end()
      for (const wake of this.#waiting) wake()
    })
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Gives the cue of a visit, for which its scene may wait. */
  cue(visit: Visit): void {
    this.#cued.add(visit.id)
    this.#cues.get(visit.id)?.end()
  }

  /** Resolves with the events of a visit, as soon as there are that many. */
  async told(visit: Visit, count: number): Promise<StageEvent[]> {
    for (;;) {
      const told = this.events.filter((event) => event.visit === visit.id)
      if (told.length >= count) return told
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake)
          resolve()
        }
        this.#waiting.add(wake)
      })
    }
  }

  visit(url: string, scene: SceneName): Visit {
    const id = String(++this.#visits)
    const path = `/${scene}/${id}`
    const answered = Promise.withResolvers<ClientAnswer>()
    const listeners = new Set<() => void>()
    let body = ''
    const settle = (status: number, complete: boolean) => {
      // Also of a client that left: then nothing more will come.
      writeFileSync(join(this.marks, id), '')
      answered.resolve({ status, body, complete })
    }
    // A connection for each visit: what one leaves broken must not meet the next.
    const req = request(new URL(path, url), { agent: false }, (res) => {
      res.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
        for (const listener of listeners) listener()
      })
      res.on('error', () => {})
      res.on('end', () => settle(res.statusCode ?? 0, res.complete))
      res.on('close', () => settle(res.statusCode ?? 0, res.complete))
    })
    req.on('error', () => settle(0, false)).end()
    const heard = (text: string) =>
      new Promise<void>((resolve) => {
        const listener = () => {
          if (body.includes(text)) resolve()
        }
        listeners.add(listener)
        listener()
      })
    return { id, path, answer: answered.promise, heard, leave: () => req.destroy() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    rmSync(this.marks, { recursive: true })
  }
}
