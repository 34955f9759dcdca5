import type { ServerHttp2Stream } from 'node:http2'
import { nextTick } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { SentResponse } from '../../sent-response.ts'

/** The key of a response whose writes are discarded: the request for the report of the first such call, or `null` once that was made. */
const discarding = Symbol('afterword.discarding')
interface Target {
  [discarding]?: { describe(): SentResponse } | null | undefined
}

type Method = (this: Target | undefined, ...args: never[]) => unknown

const failures = {
  written: { code: 'ERR_STREAM_WRITE_AFTER_END', message: 'write after end' },
  ended: { code: 'ERR_STREAM_ALREADY_FINISHED', message: 'Cannot call end after a stream was finished' },
  pushed: { code: 'ERR_HTTP2_INVALID_STREAM', message: 'The stream has been destroyed' },
}

/** The error that Node gives to the callback of a late call. */
function failureOf(name: string, hasChunk: boolean): Error {
  const pushes = name === 'createPushResponse' || name === 'pushStream'
  const { code, message } = pushes ? failures.pushed : failures[name === 'end' && !hasChunk ? 'ended' : 'written']
  return Object.assign(new Error(message), { code })
}

/** Makes a method that writes nothing, calls back with an error, and returns the same as the original. */
function discard(name: string, returned: 'this' | boolean | undefined): Method {
  return function (...args: unknown[]) {
    const response = this?.[discarding]
    if (this !== undefined && response) {
      this[discarding] = null
      const { method, path } = response.describe()
      report(new AfterwordError('AFTERWORD_LATE_WRITE', [name, method, path]))
    }
    const callback = args.at(-1)
    if (typeof callback === 'function') nextTick(callback, failureOf(name, callback !== args[0]))
    return returned === 'this' ? this : returned
  }
}

const discards = {
  write: discard('write', true),
  end: discard('end', 'this'),
  writeHead: discard('writeHead', 'this'),
  setHeader: discard('setHeader', 'this'),
  setHeaders: discard('setHeaders', 'this'),
  appendHeader: discard('appendHeader', 'this'),
  removeHeader: discard('removeHeader', undefined),
  flushHeaders: discard('flushHeaders', undefined),
  addTrailers: discard('addTrailers', undefined),
  writeContinue: discard('writeContinue', undefined),
  writeProcessing: discard('writeProcessing', undefined),
  writeEarlyHints: discard('writeEarlyHints', undefined),
  createPushResponse: discard('createPushResponse', undefined),
}
/** HTTP/2 tells whether it was sent. */
const refuseContinue = discard('writeContinue', false)

type Methods = { -readonly [Name in keyof typeof discards]: Method | undefined }

const discardTrailers = discard('sendTrailers', undefined)

/** Trailers are asked for when the stream has ended, and are not late until it is closed. */
function sendTrailersInTime(this: ServerHttp2Stream, ...args: never[]): unknown {
  const { sendTrailers } = this.closed ? { sendTrailers: discardTrailers } : Object.getPrototypeOf(this)
  return sendTrailers.apply(this, args)
}

/** The methods of a stream of the core API of `node:http2`. */
const streamDiscards = {
  write: discards.write,
  end: discards.end,
  respond: discard('respond', undefined),
  respondWithFD: discard('respondWithFD', undefined),
  respondWithFile: discard('respondWithFile', undefined),
  additionalHeaders: discard('additionalHeaders', undefined),
  pushStream: discard('pushStream', undefined),
  sendTrailers: sendTrailersInTime,
}

/** Copies each method by its name: a loop over names costs ten times as much, and every response that has tasks pays for it. */
function copy(from: Methods, to: Methods): void {
  to.write = from.write
  to.end = from.end
  to.writeHead = from.writeHead
  to.setHeader = from.setHeader
  to.setHeaders = from.setHeaders
  to.appendHeader = from.appendHeader
  to.removeHeader = from.removeHeader
  to.flushHeaders = from.flushHeaders
  to.addTrailers = from.addTrailers
  to.writeContinue = from.writeContinue
  to.writeProcessing = from.writeProcessing
  to.writeEarlyHints = from.writeEarlyHints
}

function replaceMethods(res: object, methods: Methods): void {
  const target = res as Methods
  copy(methods, target)
  if (target.createPushResponse === undefined) return
  // Only on HTTP/2.
  target.createPushResponse = methods.createPushResponse
  target.writeContinue = refuseContinue
}

/**
 * Discards all further writes to a response of `node:http`, or of the compatibility API of `node:http2`, and reports the
 * first one. Left alone, Node would throw `ERR_HTTP_HEADERS_SENT` or emit an `error` that ends the process, and
 * Express would destroy the connection, the next request on it included.
 */
export function discardResponseWrites(res: object, response: { describe(): SentResponse }): void {
  if (discardsWrites(res)) return
  ;(res as Target)[discarding] = response
  replaceMethods(res, discards)
}

/** Discards all further writes to a response, and reports none: the response was refused. */
export function discardUnreported(res: object): void {
  ;(res as Target)[discarding] = null
}

/** Discards all further writes to a stream of the core API of `node:http2`. */
export function discardStreamWrites(stream: object, response: { describe(): SentResponse }): void {
  if (discardsWrites(stream)) return
  Object.assign(stream, { [discarding]: response, ...streamDiscards })
}

/** Writes to the response are discarded. */
export function discardsWrites(res: object): boolean {
  return (res as Target)[discarding] !== undefined
}
