import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { isolatesRequests } from '../platform.ts'

/** The channels on which Node publishes a request that it begins to handle. Other runtimes publish nothing. */
const starts = ['http.server.request.start', 'http2.server.stream.start']
interface Start {
  readonly request?: { readonly method?: string; readonly url?: string }
  readonly headers?: { readonly ':method'?: string; readonly ':path'?: string }
}

/**
 * The watch finds a wrong set-up, a `defer` in a request for which no adapter has opened a scope, and reports the first one.
 * Requests are marked only while there is a doubt: until the first scope is opened, and again after a `defer` outside any scope.
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

  /** An adapter has opened a scope. */
  scopeOpened(): void {
    if (this.#state !== 'watching') return
    this.#ignore('idle')
  }

  /** A call was made outside any scope. @param what the name of the call, for the report */
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
