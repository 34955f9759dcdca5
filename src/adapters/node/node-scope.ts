import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Afterword } from '../../afterword.ts'
import { instance } from '../../instance.ts'
import type { Host } from '../../task/response.ts'
import { HeldSocket } from './held-socket.ts'
import { HeldStream } from './held-stream.ts'
import { Http1Response } from './http1-response.ts'
import { Http2Response } from './http2-response.ts'
import { NodeIntake, type NodeServer } from './node-intake.ts'

/**
 * A request and its response as Node hands them to a framework.
 *
 * @example
 * import { enter, type Request, type Response } from 'afterword/node-http'
 *
 * const middleware = (req: Request, res: Response, next: () => void) => enter(instance(), req, res, next)
 */
export type NodeRequest = IncomingMessage | Http2ServerRequest
/**
 * A response as Node hands it to a framework.
 *
 * @example
 * import { enter, type Request, type Response } from 'afterword/node-http'
 *
 * const middleware = (req: Request, res: Response, next: () => void) => enter(instance(), req, res, next)
 */
export type NodeResponse = ServerResponse | Http2ServerResponse
/** The way of a framework to answer an error of one of its requests. */
export type AnswerError = (error: Error) => unknown

/**
 * Calls `fn` in the scope of a request, for middleware, and makes the server of the request part of the shutdown.
 *
 * @example
 * const middleware = (req: Request, res: Response, next: () => void) => enterServed(req, res, next)
 */
export function enterServed<T>(
  req: NodeRequest,
  res: NodeResponse,
  fn: () => T,
  host?: Host,
  answerError?: AnswerError,
): T {
  // A framework may run its middleware for an upgrade as well, on a response that nobody sends.
  if ((req as { upgrade?: boolean }).upgrade === true) return fn()
  // The mock requests of tests may have no socket.
  const socket = req.socket as (Socket & { server?: NodeServer }) | null | undefined
  if (socket?.server != null) NodeIntake.watch(socket.server, instance(), false, socket)
  return enter(instance(), req, res, fn, host, answerError)
}

/**
 * Calls `fn` in the scope of a request, opened here or before.
 *
 * @example
 * enter(instance(), req, res, () => handle(req, res))
 */
export function enter<T>(
  afterword: Afterword,
  req: NodeRequest,
  res: NodeResponse,
  fn: () => T,
  host?: Host,
  answerError?: AnswerError,
): T {
  if (isHttp2(res)) return enterCompat(afterword, req as Http2ServerRequest, res, fn, host, answerError)
  const response = Http1Response.of(req as IncomingMessage, res)
  response.host ??= host
  response.answersError ??= answerError
  // With a journal, bytes are held until the end of the turn: also jobs that are deferred after `end` are stored before they leave.
  if (afterword.keeps) HeldSocket.watch(req.socket as Socket)
  if (response.gate !== undefined || !hasBody(req as IncomingMessage)) return afterword.scope(response, fn)
  return afterword.scope(response, () => {
    response.readsBody()
    return fn()
  })
}

/** The compatibility API's `request` is emitted inside the core API's `stream`: both are one scope. */
function enterCompat<T>(
  afterword: Afterword,
  req: Http2ServerRequest,
  res: Http2ServerResponse,
  fn: () => T,
  host: Host | undefined,
  answerError: AnswerError | undefined,
): T {
  const inScope = (response: Http2Response) => {
    response.join(req, res)
    response.answersError ??= answerError
    return fn()
  }
  return enterStream(afterword, res.stream as ServerHttp2Stream, req.headers, inScope, host)
}

/** Calls `fn` in the scope of an HTTP/2 stream, opened here or before. */
export function enterStream<T>(
  afterword: Afterword,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  fn: (response: Http2Response) => T,
  host?: Host,
): T {
  const known = Http2Response.known(stream)
  if (known !== undefined) return afterword.scope(known, () => fn(known))
  const response = Http2Response.open(stream, headers)
  response.host = host
  if (afterword.keeps) HeldStream.watch(stream, response)
  return afterword.scope(response, () => {
    response.opened()
    return fn(response)
  })
}

/** A request with that head has a body, whatever its method (RFC 9112, section 6.3). The parsed headers would be made for this alone. */
function hasBody({ rawHeaders = [] }: Partial<Pick<IncomingMessage, 'rawHeaders'>>): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const { length } = rawHeaders[i] as string
    if (length !== 14 && length !== 17) continue
    const name = (rawHeaders[i] as string).toLowerCase()
    if (name === 'transfer-encoding' || (name === 'content-length' && rawHeaders[i + 1] !== '0')) return true
  }
  return false
}

function isHttp2(res: NodeResponse): res is Http2ServerResponse {
  return 'stream' in res
}
