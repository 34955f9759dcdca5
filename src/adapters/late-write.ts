import type { ServerResponse } from 'node:http'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { SentResponse } from '../scope.ts'

/** Where the report of the first late call finds the request; taken away once that was made. */
const unreported = Symbol('afterword.unreported')
interface Target {
  [unreported]?: { describe(): SentResponse } | undefined
}

type Discard = (this: Target | undefined, ...args: unknown[]) => unknown

/** All of them: so they are told from what was there before. */
const discards = new Set<unknown>()

/** A method that writes nothing, calls back, and returns what the original would. */
function discard(name: string, returned: 'this' | true | undefined): Discard {
  const discarded: Discard = function (...args) {
    const response = this?.[unreported]
    if (this !== undefined && response !== undefined) {
      this[unreported] = undefined
      const { method, path } = response.describe()
      report(new AfterwordError('AFTERWORD_LATE_WRITE', [name, method, path]))
    }
    const callback = args.at(-1)
    if (typeof callback === 'function') process.nextTick(callback)
    return returned === 'this' ? this : returned
  }
  discards.add(discarded)
  return discarded
}

const write = discard('write', true)
const end = discard('end', 'this')
const writeHead = discard('writeHead', 'this')
const setHeader = discard('setHeader', 'this')
const setHeaders = discard('setHeaders', 'this')
const appendHeader = discard('appendHeader', 'this')
const removeHeader = discard('removeHeader', undefined)
const flushHeaders = discard('flushHeaders', undefined)
const addTrailers = discard('addTrailers', undefined)
const writeContinue = discard('writeContinue', undefined)
const writeProcessing = discard('writeProcessing', undefined)
const writeEarlyHints = discard('writeEarlyHints', undefined)
const createPushResponse = discard('createPushResponse', undefined)
const respond = discard('respond', undefined)
const respondWithFD = discard('respondWithFD', undefined)
const respondWithFile = discard('respondWithFile', undefined)
const additionalHeaders = discard('additionalHeaders', undefined)
const pushStream = discard('pushStream', undefined)
const sendTrailers = discard('sendTrailers', undefined)

/**
 * From now on whatever is written to a response of `node:http`, or of the compatibility API of `node:http2`, is discarded
 * and reported once. Left alone, Node would throw `ERR_HTTP_HEADERS_SENT` or emit an `error` that ends the process, and
 * Express would destroy the connection, the next request on it included.
 */
export function discardResponseWrites(res: object, response: { describe(): SentResponse }): void {
  if (unreported in res) return
  const target = res as Target & Record<string, Discard>
  target[unreported] = response
  // Each by its name: a loop over names costs ten times as much, and this happens on every response that has tasks.
  target.write = write
  target.end = end
  target.writeHead = writeHead
  target.setHeader = setHeader
  target.setHeaders = setHeaders
  target.appendHeader = appendHeader
  target.removeHeader = removeHeader
  target.flushHeaders = flushHeaders
  target.addTrailers = addTrailers
  target.writeContinue = writeContinue
  target.writeProcessing = writeProcessing
  target.writeEarlyHints = writeEarlyHints
  if ('createPushResponse' in res) target.createPushResponse = createPushResponse
}

/** The same for a stream of the core API of `node:http2`. */
export function discardStreamWrites(stream: object, response: { describe(): SentResponse }): void {
  if (unreported in stream) return
  Object.assign(stream, {
    [unreported]: response,
    write,
    end,
    respond,
    respondWithFD,
    respondWithFile,
    additionalHeaders,
    pushStream,
    sendTrailers,
  })
}

/** What is written to it is discarded. */
export function discardsWrites(res: object): boolean {
  return unreported in res
}

/**
 * Keeps a response that its handler has ended as it is: what is written to it until the returned function is called is discarded.
 * The handler believes that it was sent.
 */
export function suspendWrites(res: object, discardWrites: () => void): () => void {
  const before: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(res)
  const { statusCode } = res as Partial<ServerResponse>
  discardWrites()
  return () => {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(res))) {
      if (discards.has(value) || name === 'statusMessage') restore(res, name, before[name])
    }
    restore(res, unreported, undefined)
    if (statusCode !== undefined) Object.assign(res, { statusCode })
  }
}

function restore(res: object, name: PropertyKey, own: PropertyDescriptor | undefined): void {
  if (own === undefined) Reflect.deleteProperty(res, name)
  else Object.defineProperty(res, name, own)
}
