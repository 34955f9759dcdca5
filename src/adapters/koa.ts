import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'

/** The part of Koa's context that the adapter uses. */
interface KoaContext {
  readonly req: NodeRequest
  readonly res: NodeResponse
  onerror(error: Error): void
}

/** Opens a scope for each request: `app.use(afterword())`, ahead of all other middleware. */
export function afterword(): <R>(context: KoaContext, next: () => Promise<R>) => Promise<R> {
  return (context, next) => {
    const { req, res } = context
    return enterServed(req, res, next, undefined, (error) => context.onerror(error))
  }
}
