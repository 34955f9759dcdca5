import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { isolatesRequests } from '../platform.ts'

/** What Node publishes of a request that it begins to handle. Other runtimes publish nothing. */
const starts = ['http.server.request.start', 'http2.server.stream.start']
interface Start {
  readonly request?: { readonly method?: string; readonly url?: string }
  readonly headers?: { readonly ':method'?: string; readonly ':path'?: string }
}

/**
 * Finds the wrong set-up: a `defer` in a request that no adapter has opened a scope for. It is reported once.
 * Requests are marked only while there is a doubt: until the first scope is opened, and again after a `defer` outside of any.
 */
export class MissingAdapterWatch {
  // Text, for a connection may keep the context of its last request alive.
  readonly #request = new AsyncLocalStorage<string>()
  readonly #mark = (message: unknown) => {
    const { request, headers } = message as Start
    const method = request?.method ?? headers?.[':method']
    const url = request?.url ?? headers?.[':path']
    this.#request.enterWith(`${method} ${url?.split('?', 1)[0]}`)
  }
  #state: 'idle' | 'watching' | 'reported' = 'idle'

  constructor() {
    this.#watch()
  }

  /** An adapter opens scopes. */
  scopeOpened(): void {
    if (this.#state !== 'watching') return
    this.#ignore('idle')
  }

  /** Something was called outside any scope. */
  outsideScope(what: string): void {
    if (this.#state === 'reported') return
    const request = this.#request.getStore()
    // There is nothing but requests on Cloudflare Workers.
    if (request === undefined && !isolatesRequests) return this.#watch()
    this.#ignore('reported')
    report(new AfterwordError('AFTERWORD_NO_SCOPE', [what, request ?? 'a Worker']))
  }

  #watch(): void {
    if (this.#state !== 'idle') return
    this.#state = 'watching'
    for (const start of starts) subscribe(start, this.#mark)
  }

  #ignore(state: 'idle' | 'reported'): void {
    if (this.#state === 'watching') for (const start of starts) unsubscribe(start, this.#mark)
    this.#state = state
  }
}
