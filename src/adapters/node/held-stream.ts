import type { ServerHttp2Stream } from 'node:http2'
import { setImmediate } from '../../clock.ts'
import { hasNodeStreams } from '../../platform.ts'
import { breakOff, refusalHeaders } from '../refusal.ts'
import { rehearse } from './file-response.ts'
import { HeldBytes, type HeldResponse, writeFailure } from './held-bytes.ts'
import { HeldSession } from './held-session.ts'
import { SentWrite } from './sent-write.ts'

type Method = (...args: never[]) => unknown
type Call = readonly [target: Target, name: string, args: readonly unknown[]]

/** A stream, or its handle. */
interface Target {
  [heldStream]?: HeldStream
}
type Stream = ServerHttp2Stream & Target & { readonly _final: unknown }

/** The key of the held bytes, on the stream and on its handle: another copy of the package finds them there. */
const heldStream = Symbol.for('afterword.held-stream')

/** Node's own key of the handle of a stream. By the handle, the head leaves, which no stream can keep. */
let handleKey: symbol | undefined

/**
 * An HTTP/2 stream keeps the bytes of a response: the write that is due (the next ones queue up behind it in the stream's own buffer), and
 * what Node asks of the stream's handle: its head, its reset. So all that Node tells of a stream is what it tells of one that was answered.
 */
export class HeldStream extends HeldBytes {
  readonly #stream: Stream
  readonly #watched: HeldResponse
  readonly #calls: Call[] = []
  #session: HeldSession | undefined
  /** Calls are made at once, or those that write bytes come to nothing. */
  #mode: 'watching' | 'passing' | 'swallowing' = 'watching'
  #isClosed = false
  #destroyed: { readonly error: Error | undefined } | undefined

  private constructor(stream: Stream, handle: Target, response: HeldResponse) {
    super()
    this.#stream = stream
    this.#watched = response
    stream[heldStream] = this
    handle[heldStream] = this
    Object.assign(stream, streamMethods)
    Object.assign(handle, handleMethods)
  }

  /** The responses of that stream can be held. */
  static canHold(stream: object): boolean {
    return hasNodeStreams && handleOf(stream) !== undefined
  }

  /** Watches the writes to a stream from now on. */
  static watch(stream: ServerHttp2Stream & Target, response: HeldResponse): void {
    if (stream[heldStream] !== undefined || !hasNodeStreams) return
    const handle = handleOf(stream)
    if (handle !== undefined) new HeldStream(stream as Stream, handle, response)
  }

  /** Makes a call that lets bytes leave, or keeps it. @returns what Node takes for a success */
  send(call: Call): unknown {
    if (this.#mode === 'swallowing') return swallow(call)
    if (this.#mode === 'passing' || !this.#watched.holdsBytes) return make(call)
    if (this.response === undefined) this.hold(this.#watched)
    if (this.#session === undefined && this.#stream.session !== undefined) {
      this.#session = HeldSession.of(this.#stream.session)
      this.#session.hold()
    }
    this.#calls.push(call)
    return 0
  }

  /** Resets the stream, after its response if that is whole. */
  reset(call: Call): unknown {
    const [code] = call[2]
    if (this.response === undefined || code !== 0) return make(call)
    this.#calls.push(call)
    return undefined
  }

  /** Sends a file, whose bytes no stream of Node's keeps: Node is asked when they may leave, and before that whether it would. */
  sendFile(call: Call): unknown {
    const [, name, [file, headers, options]] = call
    if (this.#mode !== 'watching' || !this.#watched.holdsBytes) return make(call)
    if (!rehearse(this.#stream, handleKey as symbol, name, [file, headers, options])) return undefined
    // The handler may change its headers for the next response.
    this.send([this.#stream, name, [file, copy(headers), copy(options)]])
    // A path is opened first: until then the head has not left.
    if (name === 'respondWithFD') show(this.#stream, 'headersSent', true)
    return undefined
  }

  /** Destroys the stream when the bytes have left, or at once if the client has gone. */
  destroy(error: Error | undefined): void {
    if (this.response === undefined || this.#hasGone) return this.#end(error)
    this.#destroyed ??= { error }
    // Node refuses further calls from now on.
    show(this.#stream, 'destroyed', true)
    this.hurry()
  }

  /** The handler closes the stream, not the client. */
  close(): void {
    this.#isClosed = true
  }

  /** A file that is sent has waited before. */
  get sendsFile(): boolean {
    return this.#stream._final === null
  }

  protected override forget(): void {
    super.forget()
    this.#session?.release()
    this.#session = undefined
  }

  /** Node lets go of the handle, which takes no call any more. */
  drop(): void {
    this.forget()
    this.#calls.length = 0
  }

  /** A pushed response leaves as its parent does. */
  push(stream: ServerHttp2Stream): void {
    HeldStream.watch(stream, this.#watched)
  }

  protected release(response: HeldResponse): void {
    response.begun = true
    const calls = this.#calls.splice(0)
    this.#pass(() => {
      for (const call of calls) {
        const code = make(this.#follow(call))
        // Node would have destroyed the stream with the error at the call.
        if (call[1] === 'respond' && Number(code) < 0) this.#destroyed ??= { error: headFailure(Number(code)) }
      }
    })
    if (this.#destroyed === undefined) return
    const { error } = this.#destroyed
    // Node hands the bytes to the system when the turn is over, and an error would drop them.
    if (error == null) this.#end(error)
    else setImmediate(() => this.#end(error))
  }

  /** Looks after a write that leaves: the client may have reset the stream. A handler that closes the stream is Node's to look after. */
  #follow(call: Call): Call {
    const [target, name, args] = call
    const callback = args.at(-1)
    if (!name.startsWith('_write') || typeof callback !== 'function') return call
    const write = new SentWrite(this.#stream, () => this.#isClosed || this.#end(undefined))
    return [target, name, [...args.slice(0, -1), write.callback(callback as () => void)]]
  }

  /** Answers by a head without a body: what has been written can't be taken back. A stream that is reset would drop the head. */
  protected answerRefusal(): void {
    const stream = this.#stream
    const calls = this.#calls.splice(0).filter(([, name]) => name.startsWith('_'))
    if (stream.closed || stream.destroyed) return this.#end(undefined)
    this.#pass(() => {
      show(stream, 'headersSent', false)
      make([stream, 'respond', [refusalHeaders, { endStream: true }]])
    })
    this.#mode = 'swallowing'
    for (const call of calls) swallow(call)
    if (this.#destroyed !== undefined) make([stream, 'close', []])
  }

  protected breakOff(): void {
    const calls = this.#calls.splice(0)
    breakOff(this.#stream)
    fail(calls)
  }

  get #hasGone(): boolean {
    const { closed, session } = this.#stream
    return session === undefined || session.destroyed || (closed && !this.#isClosed)
  }

  #pass(fn: () => void): void {
    this.#mode = 'passing'
    Reflect.deleteProperty(this.#stream, 'headersSent')
    Reflect.deleteProperty(this.#stream, 'destroyed')
    try {
      fn()
    } finally {
      this.#mode = 'watching'
      Reflect.deleteProperty(this.#stream, 'headersSent')
    }
  }

  #end(error: Error | undefined): void {
    const calls = this.#calls.splice(0)
    this.forget()
    Reflect.deleteProperty(this.#stream, 'destroyed')
    make([this.#stream, 'destroy', [error]])
    fail(calls)
  }
}

/** The error of a head that nghttp2 refuses. Node's own names its code as well, and says it in words. */
function headFailure(errno: number): Error {
  return Object.assign(new Error(`The head can't be sent: nghttp2 says ${errno}.`), { code: 'ERR_HTTP2_ERROR', errno })
}

/** Makes a call as Node's own class does. */
function make([target, name, args]: Call): unknown {
  const { [name]: method } = Object.getPrototypeOf(target) as Record<string, Method>
  return method?.apply(target, args as never[])
}

/** Makes the end of a stream, and calls a write back of which no byte is sent. */
function swallow(call: Call): unknown {
  const [, name, args] = call
  if (name === '_final' || !name.startsWith('_')) return make(call)
  ;(args.at(-1) as () => void)()
  return undefined
}

/** Calls those back whose bytes came to nothing. */
function fail(calls: readonly Call[]): void {
  for (const [, , args] of calls) {
    const callback = args.at(-1)
    if (typeof callback === 'function') callback(writeFailure())
  }
}

/** Makes a method for all streams: a closure for each would be one more object to allocate. */
function method(name: string, how: (held: HeldStream, call: Call) => unknown): Method {
  return function (this: Target, ...args: unknown[]) {
    const call: Call = [this, name, args]
    const held = this[heldStream]
    return held === undefined ? make(call) : how(held, call)
  }
}

const send = (held: HeldStream, call: Call) => held.send(call)
const sendFile = (held: HeldStream, call: Call) => held.sendFile(call)

const streamMethods = {
  _write: method('_write', send),
  _writev: method('_writev', send),
  _final: method('_final', send),
  respondWithFile: method('respondWithFile', sendFile),
  respondWithFD: method('respondWithFD', sendFile),
  close: method('close', (held, call) => {
    // With another code Node closes it as well, when the connection is closed.
    if (!call[2][0]) held.close()
    return make(call)
  }),
  destroy: method('destroy', (held, call) => {
    held.destroy(call[2][0] as Error | undefined)
    return call[0]
  }),
  pushStream: method('pushStream', (held, [stream, name, args]) => {
    const withHeld = args.map((arg) => {
      if (typeof arg !== 'function') return arg
      // An error comes alone.
      return (...results: [error: unknown, pushed?: ServerHttp2Stream, ...rest: unknown[]]) => {
        if (results[1] !== undefined) held.push(results[1])
        arg(...results)
      }
    })
    return make([stream, name, withHeld])
  }),
}

const handleMethods = {
  respond: method('respond', (held, call) => (held.sendsFile ? make(call) : held.send(call))),
  rstStream: method('rstStream', (held, call) => held.reset(call)),
  destroy: method('destroy', (held, call) => {
    held.drop()
    return make(call)
  }),
}

function handleOf(stream: object): Target | undefined {
  handleKey ??= Object.getOwnPropertySymbols(stream).find(({ description }) => description === 'kHandle')
  return handleKey === undefined ? undefined : (stream as Record<symbol, Target>)[handleKey]
}

function show(stream: Stream, state: 'headersSent' | 'destroyed', value: boolean): void {
  Object.defineProperty(stream, state, { value, configurable: true })
}

function copy(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : value
}
