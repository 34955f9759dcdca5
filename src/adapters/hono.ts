import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { takeRefusal } from './node/own-response.ts'
import { refused } from './refusal.ts'
import { inScope } from './web/fetch-scope.ts'
import { own } from './web/platform-context.ts'

/** The part of Hono's context that the adapter uses. */
interface HonoContext {
  readonly req: { readonly raw: Request }
  readonly env: unknown
  res: Response | undefined
  readonly executionCtx: object
}

/** The `env` of `@hono/node-server`. */
interface NodeEnv {
  readonly incoming: NodeRequest
  readonly outgoing: NodeResponse
}

/**
 * Opens a scope for each request: `app.use(afterword())`, ahead of all other middleware. Of one app on every host:
 * `@hono/node-server`, Bun, Deno, Cloudflare Workers. `c.executionCtx.waitUntil` works on all of them.
 *
 * @example
 * const app = new Hono()
 * app.use(afterword())
 * app.post('/signup', async (c) => {
 *   defer(sendWelcome, (await c.req.json()).email)
 *   return c.json({ ok: true }, 201)
 * })
 */
export function afterword(): (c: HonoContext, next: () => Promise<void>) => Promise<void> {
  instance().expectRequests()
  return async (c, next) => {
    provideWaitUntil(Object.getPrototypeOf(c))
    if (isNode(c.env)) {
      await enterServed(c.env.incoming, c.env.outgoing, next)
      return answerRefusal(c, c.env.outgoing)
    }
    const response = await inScope(c.req.raw, [c.env, c.executionCtx], async () => {
      await next()
      return c.res
    })
    if (response === c.res) return
    // A response that replaces another one takes the headers of that one too.
    c.res = undefined
    c.res = response
  }
}

/** Makes a refused record an error like others, which `app.onError` answers. Hono's own answer is what the error brings along. */
function answerRefusal(c: HonoContext, outgoing: NodeResponse): void {
  const refusal = takeRefusal(outgoing)
  if (refusal === undefined) return
  void c.res?.body?.cancel().catch(() => {})
  // A response that replaces another one takes the headers of that one too.
  c.res = undefined
  throw Object.assign(refusal, { getResponse: refused })
}

function isNode(env: unknown): env is NodeEnv {
  return typeof env === 'object' && env !== null && 'incoming' in env && 'outgoing' in env
}

const provided = new WeakSet<object>()
const context = {
  [own]: true,
  waitUntil: (work: Promise<unknown>) => instance().waitUntil(work),
  passThroughOnException: () => {},
  props: {},
}

/**
 * Provides a context where the host gives none: Hono's getter throws there (honojs/hono#2649). The getter of the class is replaced once:
 * a property for each context would give each a hidden class of its own, which halves the throughput.
 */
function provideWaitUntil(prototype: object): void {
  if (provided.has(prototype)) return
  provided.add(prototype)
  const { get: hostContext, ...descriptor } = Object.getOwnPropertyDescriptor(prototype, 'executionCtx') ?? {}
  const get = function (this: HonoContext): object {
    try {
      return hostContext?.call(this) ?? context
    } catch {
      return context
    }
  }
  Object.defineProperty(prototype, 'executionCtx', { ...descriptor, get })
}
