import { instance } from '../instance.ts'
import { hostOf } from './web/fetch-host.ts'
import { FetchIntake } from './web/fetch-intake.ts'
import { FetchResponse } from './web/fetch-response.ts'

/** What a handler may return; Bun wants none after `server.upgrade`. */
type Answer = Response | undefined

export interface FetchOptions {
  /** For how many ms the host lets work go on after the response. @default on Cloudflare Workers 29000, else without limit */
  readonly limit?: number
}

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

let intake: FetchIntake | undefined

/** Calls `handle` in the scope of a request, and returns what the host is to send. */
export async function inScope(
  request: Request,
  extras: readonly unknown[],
  handle: () => Answer | Promise<Answer>,
  { limit }: FetchOptions = {},
): Promise<Answer> {
  const afterword = instance()
  // Opened further out, or a request that the app makes to itself: its tasks belong to the outer response.
  if (afterword.inScope) return handle()
  const host = hostOf(extras, limit)
  if (host.lives) {
    if (intake === undefined) afterword.addIntake((intake = new FetchIntake()))
    intake.server ??= host.server
    intake.enter()
  }
  const response = new FetchResponse(request, host, () => host.lives && intake?.leave())
  return afterword.scope(response, async () => {
    let answer: Answer
    try {
      answer = await handle()
    } catch (error) {
      await response.failed(error)
      throw error
    }
    return response.returned(answer)
  })
}
