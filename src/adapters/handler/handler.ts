import type { Answer } from './answer.ts'
import { type Call, splitUrl } from './call.ts'
import { fetchCall, fetchResponse } from './fetch-exchange.ts'
import { type NodeRequest, type NodeResponse, nodeCall, sendNode } from './node-exchange.ts'
import { peerOf } from './peer.ts'

/** Answers a call. Never rejects. */
type AnswerCall = (call: Call) => Promise<Answer>

/**
 * A handler that every framework takes as it is. Each calls it in its own way; the handler tells from what it is given which one that is.
 *
 * @example
 * const ready: Handler = readiness()
 * app.get('/readyz', ready) // Express, Fastify, Hono, h3; Koa: router.get
 * Bun.serve({ fetch: ready })
 */
export interface Handler {
  /** As fetch handlers, Next's route handlers, Bun and Deno call it. */
  (request: Request, ...hosts: unknown[]): Promise<Response>
  /** As Express, Connect, Nest and `node:http` call it. */
  (req: NodeRequest, res: NodeResponse, next?: (error?: unknown) => void): Promise<void>
  /** As Hono, h3, Koa and Fastify call it, and as Fastify registers it. */
  // biome-ignore lint/suspicious/noExplicitAny: what each framework expects is known to that alone
  (context: any, ...rest: any[]): Promise<any>
}

/** The context of Koa. */
interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  readonly originalUrl: string
  readonly request: { readonly body?: unknown }
  respond?: boolean
}

/** The request and the reply of Fastify. */
interface FastifyRequest {
  readonly raw: NodeRequest
  readonly body?: unknown
}
interface FastifyReply {
  readonly raw: NodeResponse
  hijack(): void
}
interface FastifyInstance {
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => Promise<void>): unknown
}

/** The context of Hono, whose request has the one of the host; and the event of h3, whose request is that. */
interface WebContext {
  readonly req: Request | { readonly raw: Request }
  readonly env?: unknown
  readonly runtime?: unknown
}

/** Makes a handler that all frameworks can call. */
export function makeHandler(answerCall: AnswerCall): Handler {
  const onNode = async (res: NodeResponse, call: Call): Promise<void> => {
    sendNode(res, await answerCall(call), call.method === 'HEAD')
  }
  const onFetch = async (from: Request, request: unknown, hosts: readonly unknown[]): Promise<Response> => {
    const answer = await answerCall(fetchCall(from, request, peerOf(from, hosts)))
    return fetchResponse(answer, from.method === 'HEAD')
  }
  const onFastify = (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    reply.hijack()
    return onNode(reply.raw, nodeCall(request.raw, request, request.body ?? undefined))
  }
  const onKoa = (context: KoaContext): Promise<void> => {
    const { req, res, originalUrl, request } = context
    context.respond = false
    // A router may have changed the URL of the request.
    return onNode(res, { ...nodeCall(req, context, request.body), ...splitUrl(originalUrl) })
  }
  const register = async (app: FastifyInstance): Promise<void> => {
    for (const path of ['/', '/*']) app.all(path, onFastify)
  }
  const handler = (first: unknown, second?: unknown): Promise<unknown> => {
    const given = Object(first) as Partial<FastifyInstance & FastifyRequest & KoaContext & WebContext & Request>
    if (typeof given.all === 'function') return register(given as FastifyInstance)
    if (isRequest(given)) return onFetch(given, given, [second])
    if (isNodeResponse(second)) return onNode(second, nodeCall(first as NodeRequest))
    if (given.raw !== undefined) return onFastify(given as FastifyRequest, second as FastifyReply)
    const { req, env, runtime } = given as Partial<WebContext>
    const from = isRequest(req) ? req : (req as { raw?: unknown } | undefined)?.raw
    return isRequest(from) ? onFetch(from, first, [env, runtime]) : onKoa(first as KoaContext)
  }
  return handler as Handler
}

function isRequest(given: unknown): given is Request {
  const { headers, url } = Object(given) as Partial<Request>
  return typeof url === 'string' && typeof headers?.get === 'function'
}

function isNodeResponse(given: unknown): given is NodeResponse {
  return typeof (given as Partial<NodeResponse> | undefined)?.writeHead === 'function'
}
