import type { EventEmitter } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Afterword } from '../../afterword.ts'
import { clearInterval, setImmediate, setInterval } from '../../clock.ts'
import { hasNodeStreams } from '../../platform.ts'
import type { Intake } from '../../shutdown.ts'
import { tellIdleClosing } from './idle-connections.ts'

/**
 * A server of `node:http`, `node:https` or `node:http2`.
 *
 * @example
 * const servers: NodeServer[] = [http.createServer(handle), http2.createSecureServer(tls, handle)]
 * for (const server of servers) attach(server)
 */
export type NodeServer = Server | HttpsServer | Http2Server | Http2SecureServer

/** The interval in ms at which a shutdown closes kept-alive connections that became idle. */
const sweep = 20

/** The key of the intake, on its server: another copy of the package finds it there. */
const watched = Symbol.for('afterword.watched')
type WatchedServer = NodeServer & { [watched]?: NodeIntake }

/** A socket, with what Node notes on it: the server that has accepted it, the socket under TLS, and the response that is being written. */
type ServedSocket = Socket & { _server?: unknown; _parent?: ServedSocket; _httpMessage?: unknown }

/** A server as a part of the shutdown, from when it listens, or gets its first connection from another one. */
export class NodeIntake implements Intake {
  readonly #server: NodeServer
  readonly #afterword: Afterword
  readonly #sessions = new Set<ServerHttp2Session>()
  /** The connections that speak another protocol since an upgrade: no requests come on them, and none is in flight. */
  readonly #upgraded = new Set<Socket>()
  /** The connections that another server has accepted. This one does not count them. */
  readonly #handedOver = new Set<ServedSocket>()
  #remove: (() => void) | undefined
  /** Undoes what a stop has done to the server. */
  #reopen: (() => void) | undefined

  private constructor(server: NodeServer, afterword: Afterword) {
    this.#server = server
    this.#afterword = afterword
  }

  /**
   * Makes the server an intake whenever it takes connections. The server gets no listeners, which somebody may count or remove.
   * @param tells the server's `emit` calls `tell` already
   * @param socket a connection of the server, where it has some already
   */
  static watch(server: WatchedServer, afterword: Afterword, tells = false, socket?: Socket): void {
    if (server[watched] !== undefined) return
    const intake = new NodeIntake(server, afterword)
    server[watched] = intake
    tellIdleClosing(server)
    if (server.listening) intake.#join()
    if (socket !== undefined) intake.#accepted(socket)
    if (tells) return
    const emitter = server as EventEmitter
    const { emit } = emitter
    emitter.emit = function (event, ...args) {
      NodeIntake.tell(server, event, args)
      return emit.call(this, event, ...args)
    }
  }

  /** Finds the intake of a server. */
  static of(server: WatchedServer | undefined): NodeIntake | undefined {
    return server?.[watched]
  }

  /** Tells the intake of a server what the server emits, before its listeners are called. */
  static tell(server: WatchedServer, event: string | symbol, args: readonly unknown[]): void {
    server[watched]?.told(event, args)
  }

  told(event: string | symbol, [first, second]: readonly unknown[]): void {
    switch (event) {
      case 'listening':
        this.#reopen?.()
        return this.#join()
      case 'close':
        this.#remove?.()
        this.#remove = undefined
        return
      case 'session':
        return follow(this.#sessions, first as ServerHttp2Session)
      case 'connection':
        if (!('setSecureContext' in this.#server)) this.#accepted(first as ServedSocket)
        return
      case 'secureConnection':
        return this.#accepted(first as ServedSocket)
      case 'upgrade':
      case 'connect':
        // On HTTP/2 this is a stream of a session.
        if (!('stream' in (second as object)) && !this.#handedOver.delete(second as ServedSocket)) {
          follow(this.#upgraded, second as Socket)
        }
    }
  }

  stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const server = this.#server as Server
    const stopped = () => {
      clearInterval(timer)
      resolve()
    }
    server.prependListener('request', askToClose)
    if (server.listening || !hasNodeStreams) this.#close(server, stopped)
    // The GOAWAY is graceful: streams in flight end first (RFC 9113, section 6.8).
    for (const session of this.#sessions) session.close()
    // `close` ends the connections that are idle now, not those that become idle when they have their response.
    const timer = setInterval(() => this.#sweep(stopped), sweep)
    this.#sweep(stopped)
    return promise
  }

  abort(): void {
    for (const session of this.#sessions) session.destroy()
    for (const socket of this.#handedOver) socket.destroy()
    const server = this.#server as Server
    server.closeAllConnections?.()
  }

  /** Closes the server. The app, which may do so as well at a signal, is to see no difference: Node calls a second `close` an error. */
  #close(server: Server, stopped: () => void): void {
    const { close } = server
    close.call(server, stopped)
    this.#reopen = () => void (server.close = close)
    server.close = (callback) => {
      if (this.#remove === undefined) setImmediate(() => callback?.())
      else if (callback !== undefined) server.once('close', callback)
      return server
    }
  }

  #join(): void {
    this.#remove ??= this.#afterword.addIntake(this)
  }

  #accepted(socket: ServedSocket): void {
    const server = this.#server
    const acceptedBy = (socket._parent ?? socket)._server ?? undefined
    if (server.listening && (acceptedBy === undefined || acceptedBy === server)) return
    this.#join()
    // Connections of HTTP/2 are followed as sessions.
    if (!('updateSettings' in server)) follow(this.#handedOver, socket)
  }

  /** Closes idle connections. Calls `stopped` if no connection is left on which a request can be in flight. */
  #sweep(stopped: () => void): void {
    const server = this.#server as Server
    server.closeIdleConnections?.()
    for (const socket of this.#handedOver) if (socket._httpMessage == null) socket.destroySoon()
    if (!hasNodeStreams || this.#sessions.size > 0 || this.#handedOver.size > 0) return
    server.getConnections((_error, count) => {
      if (count <= this.#upgraded.size) stopped()
    })
  }
}

/** Keeps something in a set until it is closed. */
function follow<T extends EventEmitter>(set: Set<T>, emitter: T): void {
  if (set.has(emitter)) return
  set.add(emitter)
  emitter.once('close', () => set.delete(emitter))
}

/** Answers a request that still comes over a kept-alive connection with `Connection: close`. */
function askToClose(_req: unknown, res: ServerResponse): void {
  res.shouldKeepAlive = false
}
