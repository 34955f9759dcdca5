import type { Server, ServerResponse } from 'node:http'
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { Afterword } from '../../afterword.ts'
import type { Intake } from '../../shutdown.ts'
import { tellIdleClosing } from './idle-connections.ts'

/** A server of `node:http`, `node:https` or `node:http2`. */
export type NodeServer = Server | HttpsServer | Http2Server | Http2SecureServer

/** The interval in ms at which a shutdown closes kept-alive connections that became idle. */
const sweep = 20

/** The key of the intake, on its server: another copy of the package finds it there. */
const watched = Symbol.for('afterword.watched')
type WatchedServer = NodeServer & { [watched]?: NodeIntake }

/** A listening server as a part of the shutdown. */
export class NodeIntake implements Intake {
  /** The server's `emit` calls `tell`. */
  readonly tells: boolean
  readonly #server: NodeServer
  readonly #afterword: Afterword
  readonly #sessions = new Set<ServerHttp2Session>()
  #remove = () => {}

  private constructor(server: NodeServer, afterword: Afterword, tells: boolean) {
    this.#server = server
    this.#afterword = afterword
    this.tells = tells
  }

  /**
   * Makes the server an intake whenever it listens.
   * @param tells the server's `emit` calls `tell`: then the server gets no listeners, which somebody may count or remove
   */
  static watch(server: WatchedServer, afterword: Afterword, tells = false): void {
    if (server[watched] !== undefined) return
    server[watched] = new NodeIntake(server, afterword, tells)
    tellIdleClosing(server)
    if (server.listening) server[watched].told('listening')
    if (tells) return
    for (const event of ['listening', 'close', 'session']) server.on(event, (arg) => server[watched]?.told(event, arg))
  }

  /** Tells the intake of a server what the server emits. */
  static tell(server: WatchedServer, event: string, arg: unknown): void {
    if (server[watched]?.tells) server[watched].told(event, arg)
  }

  told(event: string, arg?: unknown): void {
    if (event === 'listening') this.#remove = this.#afterword.addIntake(this)
    else if (event === 'close') this.#remove()
    else {
      const session = arg as ServerHttp2Session
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
    }
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const server = this.#server as Server
    server.prependListener('request', askToClose)
    server.close(() => {
      clearInterval(timer)
      resolve()
    })
    // The GOAWAY is graceful: streams in flight end first (RFC 9113, section 6.8).
    for (const session of this.#sessions) session.close()
    // `close` ends the connections that are idle now, not those that become idle when they have their response.
    const timer = setInterval(() => server.closeIdleConnections?.(), sweep)
    return promise
  }

  abort(): void {
    for (const session of this.#sessions) session.destroy()
    const server = this.#server as Server
    server.closeAllConnections?.()
  }
}

/** Answers a request that still comes over a kept-alive connection with `Connection: close`. */
function askToClose(_req: unknown, res: ServerResponse): void {
  res.shouldKeepAlive = false
}
