import { type Answer, type FetchOptions, inScope } from './web/fetch-scope.ts'

export { type FetchOptions, inScope } from './web/fetch-scope.ts'

/**
 * Opens a scope for each request of a fetch handler, `(request, env?, context?) => Response`, on Cloudflare Workers, Vercel,
 * Netlify, Deno, Bun and others. Where nothing can run after the response, its tasks run before it.
 */
export function withAfterword<A extends [Request, ...unknown[]], R extends Answer>(
  handler: (...args: A) => R | Promise<R>,
  options: FetchOptions = {},
): (...args: A) => Promise<R> {
  // With names for its parameters: Deno hands over as many as a function declares.
  const respond = (request: Request, host?: unknown, context?: unknown) =>
    inScope(request, [host, context], () => handler(...([request, host, context] as unknown as A)), options)
  return respond as unknown as (...args: A) => Promise<R>
}
