import { instance } from '../instance.ts'
import { inScope } from './fetch.ts'
import { enterServed, type Request as NodeRequest, type Response as NodeResponse } from './node-http.ts'

/** What is needed of Hono's context. */
interface HonoContext {
  readonly req: { readonly raw: Request }
  readonly env: unknown
  res: Response | undefined
  readonly executionCtx: object
}

/** What `@hono/node-server` gives as `env`. */
interface NodeEnv {
  readonly incoming: NodeRequest
  readonly outgoing: NodeResponse
}

/**
 * Opens a scope for each request: `app.use(afterword())`, ahead of all other middleware. Of one app on every host:
 * `@hono/node-server`, Bun, Deno, Cloudflare Workers. `c.executionCtx.waitUntil` works on all of them.
 */
export function afterword(): (c: HonoContext, next: () => Promise<void>) => Promise<void> {
  return async (c, next) => {
    const context = executionContextOf(c)
    if (context === undefined) provideWaitUntil(c)
    if (isNode(c.env)) return enterServed(c.env.incoming, c.env.outgoing, next)
    const response = await inScope(c.req.raw, [c.env, context], async () => {
      await next()
      return c.res
    })
    if (response === c.res) return
    // A response that is set over another one takes that one's headers too.
    c.res = undefined
    c.res = response
  }
}

function isNode(env: unknown): env is NodeEnv {
  return typeof env === 'object' && env !== null && 'incoming' in env && 'outgoing' in env
}

/** Hono's getter throws where the host gives none (honojs/hono#2649). */
function executionContextOf(c: HonoContext): object | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}

function provideWaitUntil(c: HonoContext): void {
  const value = { waitUntil: instance().waitUntil.bind(instance()), passThroughOnException: () => {}, props: {} }
  Object.defineProperty(c, 'executionCtx', { value, configurable: true })
}
