import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'

/** The part of Koa's context that the adapter uses. */
interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  onerror(error: Error): void
}

/**
 * Opens a scope for each request: `app.use(afterword())`, ahead of all other middleware.
 *
 * @example
 * const app = new Koa()
 * app.use(afterword())
 * app.use((ctx) => {
 *   defer(track, ctx.path)
 *   ctx.body = 'hello'
 * })
 */
export function afterword(): <R>(context: KoaContext, next: () => Promise<R>) => Promise<R> {
  instance().expectRequests()
  return (context, next) => {
    const { req, res } = context
    // Koa answers the error of a HEAD with a body, with which a stream of HTTP/2 never ends.
    const answerError = req.method === 'HEAD' ? undefined : (error: Error) => context.onerror(error)
    return enterServed(req, res, next, undefined, answerError)
  }
}
