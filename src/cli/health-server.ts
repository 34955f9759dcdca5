import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:net'
import type { Afterword } from '../afterword.ts'

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
  #isEnding = false

  constructor(afterword: Afterword) {
    this.#afterword = afterword
    afterword.addIntake({ stop: async () => void (this.#isEnding = true), abort() {} })
  }

  /** Listens. @returns the address as a URL @throws Error where the address can't be listened on */
  async listen({ host, port }: HealthAddress): Promise<string> {
    const requests = createHttpServer({ keepAlive: false }, (req, res) => this.#answer(req, res))
    // An adapter may have patched the class, and what listens: the probes are no requests of the app, and go on while those are drained.
    const emit = EventEmitter.prototype.emit
    Object.assign(requests, { emit })
    const server: Server = createServer((socket) => emit.call(requests, 'connection', socket))
    server.listen(port, host).unref()
    await once(server, 'listening')
    const { port: own } = server.address() as { port: number }
    return `http://${host.includes(':') ? `[${host}]` : host}:${own}`
  }

  #answer({ method, url = '' }: IncomingMessage, res: ServerResponse): void {
    const [status, body] =
      method === 'GET' || method === 'HEAD' ? this.#found(url.split('?', 1)[0] as string) : notAllowed
    const text = `${JSON.stringify(body)}\n`
    res.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      connection: 'close',
    })
    res.end(text)
  }

  #found(path: string): readonly [status: number, body: object] {
    if (path === '/livez') return [200, { live: true, pid: process.pid, uptime: Math.round(process.uptime()) }]
    if (path !== '/readyz') return [404, { error: 'There are /livez and /readyz.' }]
    const { journalOpen, engineReached, engineAway, running, backlog } = this.#afterword.status()
    const ready = journalOpen && engineReached && !this.#isEnding
    const body = {
      ready,
      ending: this.#isEnding,
      journalOpen,
      engineReached,
      engineAway: Math.round(engineAway),
      running,
      backlog,
    }
    return [ready ? 200 : 503, body]
  }
}

const notAllowed = [405, { error: 'GET only.' }] as const
