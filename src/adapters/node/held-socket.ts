import type { ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { setImmediate } from '../../clock.ts'
import { hasNodeStreams } from '../../platform.ts'
import { ownResponse } from '../../task/address.ts'
import { refusalBytes } from '../refusal.ts'
import { HeldBytes, type HeldResponse, writeFailure } from './held-bytes.ts'
import { closesIdleConnections } from './idle-connections.ts'
import { isLatest } from './open-responses.ts'

type Callback = (error?: Error | null) => void
type Method = (...args: never[]) => unknown

/** A connection of HTTP/1, with the response that has its turn. Node's HTTP server sets `_httpMessage`. */
interface Connection extends Omit<Duplex, '_writev'> {
  _writev?: Method
  readonly _writableState: { readonly length: number }
  _httpMessage?: (ServerResponse & { [ownResponse]?: HeldResponse }) | null
  [heldSocket]?: HeldSocket
}

/** The key of the held bytes, on the socket: another copy of the package finds them there. */
const heldSocket = Symbol.for('afterword.held-socket')

/**
 * The socket of an HTTP/1 connection keeps the bytes of a response by keeping one write: the next ones queue up behind it in the socket's own
 * buffer. So all that Node tells of a response is what it tells of one whose client reads slowly.
 */
export class HeldSocket extends HeldBytes {
  readonly #socket: Connection
  readonly #write: Method
  readonly #writev: Method | undefined
  readonly #destroy: Method
  /** The write that is kept: of one chunk, or of many with their encodings. */
  #chunks: unknown
  #encoding: BufferEncoding | undefined
  #isMany = false
  #callback: Callback | undefined
  /** The response whose bytes leave now. */
  #leaving: HeldResponse | undefined
  /** The socket was destroyed meanwhile. */
  #destroyed: { readonly error: Error | undefined } | undefined

  private constructor(socket: Connection) {
    super()
    this.#socket = socket
    this.#write = socket._write
    this.#writev = socket._writev
    this.#destroy = socket.destroy
    socket._write = onWrite as Connection['_write']
    if (socket._writev) socket._writev = onWritev
    socket.destroy = onDestroy as Connection['destroy']
    Object.defineProperty(socket, 'writableLength', writableLength)
    socket.on('end', onClientEnd)
  }

  /** The responses of that socket can be held. Not where a host only poses as `node:http`, or keeps no bytes in a stream of Node's. */
  static canHold(socket: unknown): socket is Duplex {
    return hasNodeStreams && socket instanceof Duplex
  }

  /** Watches the writes to a socket from now on. */
  static watch(socket: object | null | undefined): void {
    if (!HeldSocket.canHold(socket)) return
    const connection = socket as Connection
    if (connection[heldSocket] !== undefined) return
    connection[heldSocket] = new HeldSocket(connection)
  }

  /** Writes, or keeps the write. */
  write(isMany: boolean, chunks: unknown, encoding: BufferEncoding | undefined, callback: Callback): void {
    const response = this.#socket._httpMessage?.[ownResponse]
    if (response === undefined || response === this.#leaving || !response.holdsBytes) {
      return this.#pass(isMany, chunks, encoding, callback)
    }
    this.#isMany = isMany
    this.#chunks = chunks
    this.#encoding = encoding
    this.#callback = callback
    this.hold(response)
    if (this.#destroyed !== undefined) this.hurry()
  }

  /** Destroys the socket when the bytes have left, or at once if the client has gone. */
  destroy(error: Error | undefined): void {
    if (this.response !== undefined && !hasGone(error)) {
      // Node takes the connection for an idle one, since its response has ended, but others stand behind the held bytes.
      if (closesIdleConnections() && !isLatest(this.#socket, this.response)) return
      this.#destroyed ??= { error }
      return this.hurry()
    }
    this.forget()
    this.#end(error)
  }

  /** A response whose bytes are held has ended: to its handler, they have left. */
  get hidesBytes(): boolean {
    return this.response !== undefined && this.#socket._httpMessage?.writableEnded === true
  }

  protected release(response: HeldResponse): void {
    const chunks = this.#chunks
    const callback = this.#callback as Callback
    this.#chunks = undefined
    this.#callback = undefined
    const res = this.#socket._httpMessage
    // A `100 Continue` is no answer yet.
    if (res?.headersSent) response.begun = true
    // The bytes behind leave too, those of the next response on the connection don't.
    this.#leaving = response
    try {
      this.#pass(this.#isMany, chunks, this.#encoding, callback)
    } finally {
      this.#leaving = undefined
    }
    if (this.#destroyed !== undefined) this.#endBehind(res)
  }

  /** Ends a connection that was destroyed meanwhile. Responses behind that are whole leave first, one in a turn. */
  #endBehind(last: Connection['_httpMessage']): void {
    const res = this.#socket._httpMessage
    if (this.response?.ended) return
    if (res == null || res === last || !res.writableEnded) return this.#end(this.#destroyed?.error)
    setImmediate(() => this.#endBehind(res))
  }

  protected answerRefusal(response: HeldResponse): void {
    const res = this.#socket._httpMessage as ServerResponse
    res.statusCode = 503
    const bytes = refusalBytes(res.req.method)
    this.#write.call(
      this.#socket,
      bytes as never,
      'latin1' as never,
      ((error?: Error) => {
        response.answered?.(error)
        this.#end(undefined)
      }) as never,
    )
  }

  protected breakOff(): void {
    this.#end(undefined)
  }

  #pass(isMany: boolean, chunks: unknown, encoding: BufferEncoding | undefined, callback: Callback): void {
    if (isMany) this.#writev?.call(this.#socket, chunks as never, callback as never)
    else this.#write.call(this.#socket, chunks as never, encoding as never, callback as never)
  }

  #end(error: Error | undefined): void {
    const callback = this.#callback
    this.#callback = undefined
    this.#chunks = undefined
    this.#destroy.call(this.#socket, error as never)
    callback?.(error ?? writeFailure())
  }
}

// Functions for all sockets: a closure for each would be one more object to allocate.
function onWrite(this: Connection, chunk: unknown, encoding: BufferEncoding, callback: Callback): void {
  this[heldSocket]?.write(false, chunk, encoding, callback)
}

function onWritev(this: Connection, chunks: unknown, callback: Callback): void {
  this[heldSocket]?.write(true, chunks, undefined, callback)
}

function onDestroy(this: Connection, error?: Error): Connection {
  this[heldSocket]?.destroy(error)
  return this
}

/** A client that has half-closed its connection, or has gone, is not slowed down any more. */
function onClientEnd(this: Connection): void {
  this[heldSocket]?.hurry()
}

const writableLength: PropertyDescriptor & ThisType<Connection> = {
  configurable: true,
  get() {
    return this[heldSocket]?.hidesBytes ? 0 : this._writableState.length
  },
}

/** The error is one of the system: the client has reset the connection. */
function hasGone(error: Error | undefined): boolean {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException
  return syscall === 'read' || syscall === 'write'
}
