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

/** The mark of a server that is an intake already: another copy of the package finds it there. */
const watched = Symbol.for('afterword.watched')

/** A listening server as a part of the shutdown. */
export class NodeIntake implements Intake {
  readonly #server: NodeServer
  readonly #sessions = new Set<ServerHttp2Session>()

  private constructor(server: NodeServer) {
    this.#server = server
  }

  /** Makes the server an intake whenever it listens. */
  static watch(server: NodeServer, afterword: Afterword): void {
    if (watched in server) return
    Object.assign(server, { [watched]: true })
    tellIdleClosing(server)
    const intake = new NodeIntake(server)
    let remove = () => {}
    const add = () => {
      remove = afterword.addIntake(intake)
    }
    if (server.listening) add()
    server.on('listening', add)
    server.on('close', () => remove())
    server.on('session', (session: ServerHttp2Session) => {
      intake.#sessions.add(session)
      session.on('close', () => intake.#sessions.delete(session))
    })
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
