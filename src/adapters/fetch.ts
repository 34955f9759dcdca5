import { instance } from '../instance.ts'
import { lives } from './web/fetch-host.ts'
import { type Answer, type FetchOptions, inScope } from './web/fetch-scope.ts'

export { type FetchOptions, inScope } from './web/fetch-scope.ts'

/**
 * Opens a scope for each request of a fetch handler, `(request, env?, context?) => Response`, on Cloudflare Workers, Vercel,
 * Netlify, Deno, Bun and others. Where nothing can run after the response, its tasks run before it.
 *
 * @example
 * export default {
 *   fetch: withAfterword(async (request: Request) => {
 *     defer(track, request.url)
 *     return new Response('hello')
 *   }),
 * }
 */
export function withAfterword<A extends [Request, ...unknown[]], R extends Answer>(
  handler: (...args: A) => R | Promise<R>,
  options: FetchOptions = {},
): (...args: A) => Promise<R> {
  if (lives) instance().expectRequests()
  // With names for its parameters: Deno hands over as many as a function declares. The handler may be a method: it gets its `this`.
  function respond(this: unknown, request: Request, host?: unknown, context?: unknown) {
    const handle = () => handler.apply(this, [request, host, context] as unknown as A)
    return inScope(request, [host, context], handle, options)
  }
  return respond as unknown as (...args: A) => Promise<R>
}
