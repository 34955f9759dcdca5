import { clock } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import type { SentResponse } from '../../sent-response.ts'
import type { ResponseGate, ScopeResponse } from '../../task/response.ts'
import { refused } from '../refusal.ts'
import type { FetchHost } from './fetch-host.ts'
import { trackBody } from './tracked-body.ts'

/** A response that its handler returns. */
export class FetchResponse implements ScopeResponse {
  gate?: ResponseGate
  readonly host: FetchHost
  readonly #signal: AbortSignal | undefined
  readonly #method: string
  readonly #url: string
  readonly #done: () => void
  #status = 200
  #state: 'open' | 'returned' | 'delivered' | 'aborted' = 'open'
  #callback: ((sent: SentResponse) => void) | undefined

  /** @param done is called once, when the response was sent */
  constructor(request: Request, host: FetchHost, done: () => void) {
    // Deno's request can't be asked any more once its response was sent.
    this.#method = request.method
    this.#url = request.url
    this.#signal = host.signals ? request.signal : undefined
    this.host = host
    this.#done = done
  }

  whenSent(callback: (sent: SentResponse) => void): void {
    this.#callback = callback
    if (this.#isSent) return callback(this.describe())
    this.#signal?.addEventListener('abort', () => this.#sent('aborted'))
  }

  describe(): SentResponse {
    const path = new URL(this.#url).pathname
    const delivered = this.#state === 'delivered'
    return { method: this.#method, path, status: this.#status, delivered, aborted: this.#state === 'aborted' }
  }

  end(): void {
    if (this.#state !== 'open') return
    const { method, path } = this.describe()
    throw new AfterwordError('AFTERWORD_RESPONSE_NOT_RETURNED', [method, path])
  }

  /** The handler has returned a response. @returns the response for the host */
  async returned(response: Response | undefined): Promise<Response | undefined> {
    this.#status = response?.status ?? 101 // Bun's `server.upgrade` returns no response
    if (!this.#isSent) this.#state = 'returned'
    this.host.completed?.then(
      () => this.#sent('delivered'),
      () => this.#sent('aborted'),
    )
    try {
      const held = this.gate?.beforeEnd()
      if (held !== undefined) await held
      // Without tasks the body is left alone: it may be a file that the host sends by itself.
      const waits = this.#callback !== undefined && !this.host.before && this.#method !== 'HEAD'
      const tracked = waits && response !== undefined ? await trackBody(response, this) : undefined
      if (tracked !== undefined) return tracked
    } catch {
      response = refused()
      this.#status = response.status
    }
    if (this.host.completed === undefined) await this.#finished()
    return response
  }

  /** Asks the gate before the next bytes of the body: jobs that are deferred amid a stream are kept too. */
  stored(): Promise<unknown> | undefined {
    return this.gate?.beforeBytes()
  }

  /** The host has taken the body, or it broke off. */
  ended(whole: boolean): void {
    if (!whole) this.#sent('aborted')
    else if (this.host.completed === undefined) this.#sent('delivered')
  }

  /** The handler has thrown: its host answers. */
  async failed(error: unknown): Promise<void> {
    const { status } = Object(error) as { status?: unknown }
    this.#status = typeof status === 'number' && status >= 400 ? status : 500
    await this.#finished()
  }

  async #finished(): Promise<void> {
    this.#sent('delivered')
    if (this.host.before && this.gate?.busy) await this.gate.settled()
  }

  get #isSent(): boolean {
    return this.#state === 'delivered' || this.#state === 'aborted'
  }

  #sent(state: 'delivered' | 'aborted'): void {
    if (this.#isSent) return
    this.#state = state
    if (this.host.limit !== undefined) this.host.deadline = clock.now() + this.host.limit
    this.#callback?.(this.describe())
    this.#done()
  }
}
