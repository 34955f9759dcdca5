import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { SentResponse } from '../scope.ts'

/** What writes to a response, and what each returns where nothing is written. `this` stands for the response. */
const writers = {
  write: true,
  end: 'this',
  writeHead: 'this',
  setHeader: 'this',
  setHeaders: 'this',
  appendHeader: 'this',
  removeHeader: undefined,
  flushHeaders: undefined,
  addTrailers: undefined,
  writeContinue: undefined,
  writeProcessing: undefined,
  writeEarlyHints: undefined,
  writeInformation: undefined,
  createPushResponse: undefined,
  // The core API of an HTTP/2 stream.
  respond: undefined,
  respondWithFD: undefined,
  respondWithFile: undefined,
  additionalHeaders: undefined,
  pushStream: undefined,
  sendTrailers: undefined,
} as const

/**
 * From now on whatever is written to the response is discarded, and reported once. Left alone, Node would throw
 * `ERR_HTTP_HEADERS_SENT` or emit an `error` that ends the process, and Express would destroy the connection,
 * the next request on it included.
 */
export function discardWrites(response: object, describe: () => SentResponse): void {
  let reported = false
  const target = response as Record<string, unknown>
  for (const [name, returned] of Object.entries(writers)) {
    if (typeof target[name] !== 'function') continue
    target[name] = (...args: unknown[]) => {
      if (!reported) {
        reported = true
        const { method, path } = describe()
        report(new AfterwordError('AFTERWORD_LATE_WRITE', [name, method, path]))
      }
      const callback = args.at(-1)
      if (typeof callback === 'function') process.nextTick(callback)
      return returned === 'this' ? response : returned
    }
  }
}
