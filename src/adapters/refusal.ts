import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { clock } from '../clock.ts'

const status = 503
const reason = 'Service Unavailable'
const message = 'The work that belongs to this request could not be stored.'
const body = `${message} Please try again.\n`
const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '1' }
const nodeHeaders = { ...headers, 'content-length': String(body.length) }

/** The head of a refusal without a body, on HTTP/2. */
export const refusalHeaders = { ':status': status, ...headers, 'content-length': '0' }

/** The bytes of a refusal on HTTP/1. The connection ends with them, for Node takes another response to be sent. */
export function refusalBytes(method: string | undefined): string {
  const fields = { date: new Date(clock.date()).toUTCString(), connection: 'close', ...nodeHeaders }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join('')}\r\n${method === 'HEAD' ? '' : body}`
}

type NodeResponse = ServerResponse | Http2ServerResponse | ServerHttp2Stream

/** Answers 503 in place of a success that can't be kept. Where headers have left already, only a broken connection tells. */
export function refuse(res: object): void {
  const response = res as NodeResponse
  uncover(response)
  if ('respond' in response) {
    // The stream of a client that has gone takes no answer.
    if (response.headersSent || response.closed) return breakOff(response)
    response.respond({ ':status': status, ...nodeHeaders })
    // A HEAD has no body.
    if (response.writableEnded) return
  } else if ('stream' in response) {
    if (response.headersSent) return breakOff(response)
    uncover(response.stream)
    removeHeaders(response)
    response.writeHead(status, nodeHeaders)
  } else {
    if (response.headersSent && !takeBackHead(response)) return breakOff(response)
    removeHeaders(response)
    response.writeHead(status, reason, nodeHeaders)
  }
  response.end(body)
}

/** Makes the refusal for a handler that returns its response. */
export function refused(): Response {
  return new Response(body, { status, headers })
}

/** Breaks a response off so that the client can tell. An HTTP/2 stream that is destroyed without an error ends like one that is complete. */
export function breakOff(res: object): void {
  const response = res as NodeResponse
  if (!('respond' in response || 'stream' in response)) return void response.destroy()
  const stream = 'stream' in response ? response.stream : response
  // The error needs no handler.
  stream.on('error', () => {})
  stream.destroy(new Error(message))
}

/** Removes methods that a middleware has set to compress a body or to save a session: they are not meant for this answer. */
function uncover(response: object): void {
  const methods = Object.getPrototypeOf(response)
  for (const name of ['write', 'end', 'writeHead', 'respond'])
    if (name in methods) Reflect.deleteProperty(response, name)
}

function removeHeaders(response: ServerResponse | Http2ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
}

/** The state of a response's head in Node, which has no method to take a head back. */
interface Head {
  _header: string | null
  readonly _headerSent?: boolean
  _hasBody: boolean
  chunkedEncoding: boolean
}

/** Takes the head of an HTTP/1 response back: it leaves with the first bytes of the body, and until then can be made anew. */
function takeBackHead(response: ServerResponse): boolean {
  const head = response as unknown as Head
  if (head._headerSent !== false) return false
  head._header = null
  head._hasBody = response.req.method !== 'HEAD'
  head.chunkedEncoding = false
  return true
}
