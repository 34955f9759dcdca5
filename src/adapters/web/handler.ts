import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** The facts about a request that a `Request` does not tell. */
export interface RequestOrigin {
  /** The address at the other end of the connection: that of the client, or of a proxy; `undefined` where the host does not tell it. */
  readonly remoteAddress: string | undefined
  /** The version of HTTP in which the request came, such as `1.1`; `undefined` where the host does not tell it. */
  readonly httpVersion: string | undefined
  /** The path at which the handler is mounted; empty where the framework does not tell it. */
  readonly base: string
}

/** Answers a request, whichever framework has it. */
export type AnswerRequest = (request: Request, origin: RequestOrigin) => Response | Promise<Response>

/**
 * A handler that every framework takes as it is: a fetch handler, one of `node:http`, Express, Connect and Nest's `app.use`, of Fastify, Koa, Hono and h3.
 *
 * @example
 * const ready: Handler = readiness()
 * app.get('/readyz', ready) // Express, Fastify, Hono, h3; Koa: router.get
 * Bun.serve({ fetch: ready })
 */
export interface Handler {
  (request: Request, ...extras: unknown[]): Promise<Response>
  // biome-ignore lint/suspicious/noExplicitAny: each framework expects a promise of its own of its handlers
  (context: object, ...rest: any[]): Promise<any>
}

type NodeRequest = (IncomingMessage | Http2ServerRequest) & {
  /** The path before Connect or Express has cut off that of the mount. */
  readonly originalUrl?: string
}
type NodeResponse = ServerResponse | Http2ServerResponse

interface Raw<T> {
  readonly raw: T
}

interface FastifyReply extends Raw<NodeResponse> {
  hijack(): unknown
}

/** A context of Koa. */
interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  respond?: boolean
}

/** The parts of the hosts of fetch handlers that tell the address of a client: Bun's server, Deno's info, the `env` of `@hono/node-server`. */
interface Extra {
  requestIP?(request: Request): { readonly address: string } | null
  readonly remoteAddr?: { readonly hostname?: string }
  readonly incoming?: NodeRequest
}

/** Makes a handler that every framework takes. */
export function makeHandler(answerWhole: AnswerRequest): Handler {
  const answer: AnswerRequest = async (request, origin) => withoutBody(request, await answerWhole(request, origin))
  const handle = async (given: object, rest: readonly unknown[]): Promise<Response | undefined> => {
    if (isRequest(given)) return answer(given, originOf(given, rest))
    const { req, raw } = given as { req?: unknown; raw?: unknown }
    // h3
    if (isRequest(req)) {
      const { node } = (given as { runtime?: { node?: { req: NodeRequest } } }).runtime ?? {}
      return answer(req, node === undefined ? originOf(req, [req, given]) : nodeOrigin(node.req))
    }
    // Hono
    const ofHono = (req as Raw<unknown> | undefined)?.raw
    if (isRequest(ofHono)) return answer(ofHono, originOf(ofHono, [(given as { env?: unknown }).env]))
    // Fastify sends a `Response`, but not for a HEAD.
    if (raw !== undefined) {
      const [reply] = rest as [FastifyReply]
      reply.hijack()
      return respond(answer, raw as NodeRequest, reply.raw)
    }
    if (isKoa(given)) {
      given.respond = false
      return respond(answer, given.req, given.res)
    }
    const [res, next] = rest as [NodeResponse, ((error: unknown) => void)?]
    try {
      return await respond(answer, given as NodeRequest, res)
    } catch (error) {
      if (next === undefined) throw error
      next(error)
      return undefined
    }
  }
  return ((given: object, ...rest: unknown[]) => handle(given, rest)) as Handler
}

/** A HEAD has no body, which frameworks don't see to for a `Response`. */
function withoutBody({ method }: Request, response: Response): Response {
  if (method !== 'HEAD' || response.body === null) return response
  void response.body.cancel().catch(() => {})
  return new Response(null, response)
}

/** A `Request` of any realm or polyfill. */
function isRequest(value: unknown): value is Request {
  const { headers, url } = (value ?? {}) as Partial<Request>
  return typeof url === 'string' && typeof headers?.get === 'function'
}

function isKoa(context: object): context is KoaContext {
  return 'req' in context && 'res' in context
}

function originOf(request: Request, extras: readonly unknown[]): RequestOrigin {
  const given = extras.filter((extra): extra is Extra => typeof extra === 'object' && extra !== null)
  const incoming = given.find((extra) => extra.incoming !== undefined)?.incoming
  if (incoming !== undefined) return nodeOrigin(incoming)
  const server = given.find((extra) => typeof extra.requestIP === 'function')
  const remoteAddress =
    server?.requestIP?.(request)?.address ?? given.find((extra) => extra.remoteAddr)?.remoteAddr?.hostname
  return { remoteAddress, httpVersion: undefined, base: '' }
}

function nodeOrigin({ socket, httpVersion, originalUrl, url = '' }: NodeRequest): RequestOrigin {
  const base = originalUrl?.endsWith(url) ? originalUrl.slice(0, -url.length) : ''
  return { remoteAddress: socket?.remoteAddress, httpVersion, base }
}

/** Makes the `Request` of a Node server. */
function requestOf(req: NodeRequest): Request {
  const { method = 'GET', url = '/', originalUrl = url } = req
  const host = req.headers[':authority'] ?? req.headers.host ?? 'localhost'
  const headers = new Headers()
  for (const [name, value] of Object.entries(req.headers)) {
    if (value === undefined || name.startsWith(':')) continue
    for (const each of [value].flat()) headers.append(name, each)
  }
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const body = hasBody ? { body: bodyOf(req), duplex: 'half' as const } : {}
  // A path may begin with two slashes, which would be a host.
  return new Request(new URL(`http://${host}`).origin + (originalUrl.startsWith('/') ? originalUrl : '/'), {
    method,
    headers,
    ...body,
  })
}

function bodyOf(req: NodeRequest): ReadableStream<Uint8Array> {
  const chunks = req[Symbol.asyncIterator]()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await chunks.return?.()
    },
  })
}

/** Sends an answer by a response of Node. A client that leaves cancels the body. */
async function respond(answer: AnswerRequest, req: NodeRequest, res: NodeResponse): Promise<undefined> {
  const response = await answer(requestOf(req), nodeOrigin(req))
  const { status, headers, body } = response
  const fields: Record<string, string | string[]> = Object.fromEntries(headers)
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) fields['set-cookie'] = cookies
  // The compatibility API of HTTP/2 has the same methods, with the same parameters.
  const out = res as ServerResponse
  out.writeHead(status, fields)
  if (body === null) out.end()
  else if (headers.has('content-length')) out.end(new Uint8Array(await response.arrayBuffer()))
  else await send(body, out)
}

async function send(body: ReadableStream<Uint8Array>, out: ServerResponse): Promise<void> {
  const reader = body.getReader()
  const closed = new Promise<void>((resolve) => void out.once('close', resolve))
  void closed.then(() => reader.cancel()).catch(() => {})
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return void out.end()
    if (out.write(value)) continue
    await Promise.race([closed, new Promise<void>((resolve) => void out.once('drain', resolve))])
  }
}
