import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { SentResponse } from '../scope.ts'

/** How the request is described in the report of the first late call; gone once that was made. */
const unreported = Symbol('afterword.unreported')
type Target = { [unreported]?: (() => SentResponse) | undefined }

type Discard = (this: Target | undefined, ...args: unknown[]) => unknown

/** A method that writes nothing, calls back, and returns what the original would. */
function discard(name: string, returned: 'this' | true | undefined): [string, Discard] {
  const discarding: Discard = function (...args) {
    const describe = this?.[unreported]
    if (this !== undefined && describe !== undefined) {
      this[unreported] = undefined
      const { method, path } = describe()
      report(new AfterwordError('AFTERWORD_LATE_WRITE', [name, method, path]))
    }
    const callback = args.at(-1)
    if (typeof callback === 'function') process.nextTick(callback)
    return returned === 'this' ? this : returned
  }
  return [name, discarding]
}

const common = [discard('write', true), discard('end', 'this')]

/** What writes to a response of `node:http`, or of the compatibility API of `node:http2`. */
const responseWriters = [
  ...common,
  discard('writeHead', 'this'),
  discard('setHeader', 'this'),
  discard('setHeaders', 'this'),
  discard('appendHeader', 'this'),
  discard('removeHeader', undefined),
  discard('flushHeaders', undefined),
  discard('addTrailers', undefined),
  discard('writeContinue', undefined),
  discard('writeProcessing', undefined),
  discard('writeEarlyHints', undefined),
  discard('createPushResponse', undefined),
]

/** What writes to a stream of the core API of `node:http2`. */
const streamWriters = [
  ...common,
  discard('respond', undefined),
  discard('respondWithFD', undefined),
  discard('respondWithFile', undefined),
  discard('additionalHeaders', undefined),
  discard('pushStream', undefined),
  discard('sendTrailers', undefined),
]

/**
 * From now on whatever is written to the response is discarded, and reported once. Left alone, Node would throw
 * `ERR_HTTP_HEADERS_SENT` or emit an `error` that ends the process, and Express would destroy the connection,
 * the next request on it included.
 */
export function discardWrites(kind: 'response' | 'stream', target: object, describe: () => SentResponse): void {
  if (unreported in target) return
  const sealed = target as Target & Record<string, unknown>
  sealed[unreported] = describe
  for (const [name, discarding] of kind === 'response' ? responseWriters : streamWriters) {
    if (name in target) sealed[name] = discarding
  }
}
