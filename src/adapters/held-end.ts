import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import type { Scope } from '../scope.ts'
import { suspendWrites } from './late-write.ts'

/** What can be ended: a response of `node:http`, of the compatibility API of `node:http2`, or a stream of its core API. */
interface Ending {
  end(...args: unknown[]): unknown
}

/** What holds a response: its scope says for how long. */
interface Holding {
  readonly scope?: Scope
}

/** From now on `end` waits if the scope says so. */
export function holdEnd(res: object, response: Holding, discardWrites: () => void): void {
  const ending = res as Ending
  const { end } = ending
  ending.end = function (this: Ending, ...args) {
    ending.end = end
    const held = response.scope?.held()
    if (held === undefined) return end.apply(this, args)
    endLater(held, res, discardWrites, () => end.apply(this, args))
    return this
  }
}

/**
 * Ends a response when what holds it says so: nothing of its end has left until then, and one that was written in one piece has not left
 * at all. Its handler notices nothing.
 */
export function endLater(held: Promise<unknown>, res: object, discardWrites: () => void, end: () => void): void {
  const resume = suspendWrites(res, discardWrites)
  void held.then(
    () => {
      resume()
      end()
    },
    () => {
      resume()
      refuse(res)
    },
  )
}

const status = 503
const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' }
const body = 'The work that belongs to this request could not be stored. Please try again.\n'

/** In place of a success that can't be kept. Where headers have left already, only the end of the connection tells. */
function refuse(res: object): void {
  const response = res as ServerResponse | Http2ServerResponse | ServerHttp2Stream
  if (response.headersSent) {
    if ('stream' in response) response.stream.destroy()
    else response.destroy()
  } else if ('respond' in response) {
    response.respond({ ':status': status, ...headers })
    response.end(body)
  } else {
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    const plain = response as ServerResponse
    plain.writeHead(status, headers)
    plain.end(body)
  }
}

/** The same where a handler returns its response. */
export function refused(): Response {
  return new Response(body, { status, headers })
}
