import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:net'
import type { Afterword } from '../afterword.ts'
import { type Health, liveHealth, notAllowed, readyHealth, written } from '../observe/probes.ts'
import { validateReadiness } from '../options/readiness-options.ts'

/** The address of a health server. */
export interface HealthAddress {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, `[::1]:port` or a port alone, which is that of this machine. @returns undefined for anything else */
export function healthAddress(text: string): HealthAddress | undefined {
  const [, inBrackets, plain, digits] = /^(?:(?:\[([\da-f:.]+)\]|([^\s:/[\]]*)):)?(\d{1,5})$/i.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return undefined
  return { host: inBrackets ?? (plain || '127.0.0.1'), port }
}

/**
 * A health server tells probes, of Kubernetes for example, how a worker is: `/livez` that its event loop answers, `/readyz` whether it takes jobs.
 * The process has the server until its end, whatever is shut down before, and is not held by it.
 */
export class HealthServer {
  readonly #afterword: Afterword
  readonly #idle: number

  /** @param idle the time in ms after which a connection is closed that sends nothing */
  constructor(afterword: Afterword, idle = 10_000) {
    this.#afterword = afterword
    this.#idle = idle
  }

  /** Listens. @returns the address as a URL @throws Error where the address can't be listened on */
  async listen({ host, port }: HealthAddress): Promise<string> {
    const requests = createHttpServer({ keepAlive: false }, (req, res) => this.#answer(req, res))
    // An adapter may have patched the class, and what listens: the probes are no requests of the app, and go on while those are drained.
    const emit = EventEmitter.prototype.emit
    // Node looks after slow connections only where the server itself listens.
    Object.assign(requests, { emit, timeout: this.#idle })
    const server: Server = createServer((socket) => emit.call(requests, 'connection', socket.unref()))
    server.listen(port, host).unref()
    await once(server, 'listening')
    const { port: own } = server.address() as { port: number }
    return `http://${host.includes(':') ? `[${host}]` : host}:${own}`
  }

  #answer({ method, url = '' }: IncomingMessage, res: ServerResponse): void {
    const answer = method === 'GET' || method === 'HEAD' ? this.#found(url.split('?', 1)[0] as string) : notAllowed
    const { text, headers } = written(answer)
    res.writeHead(answer.status, { ...headers, connection: 'close' })
    res.end(text)
  }

  #found(path: string): Health {
    if (path === '/livez') return liveHealth()
    if (path === '/readyz') return readyHealth(this.#afterword, validateReadiness({}))
    return { status: 404, body: { error: 'There are /livez and /readyz.' } }
  }
}
