import { type H3Event as FullH3Event, toResponse } from 'h3'
import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { takeRefusal } from './node/own-response.ts'
import { inScope } from './web/fetch-scope.ts'

type WaitUntil = (work: Promise<unknown>) => void

/** The part of the event of h3 2 that the adapter uses. Nitro 3 passes the same event on. */
interface H3Event {
  readonly req: Request & { waitUntil?: WaitUntil }
  readonly runtime?: { readonly node?: { readonly req: unknown; readonly res?: unknown } } | undefined
  waitUntil: WaitUntil
}

/**
 * Opens a scope for each request: `app.use(afterword())`, ahead of the routes. `event.waitUntil` is caught.
 *
 * @example
 * const app = new H3()
 * app.use(afterword())
 * app.post('/signup', async (event) => {
 *   defer(sendWelcome, (await event.req.json()).email)
 *   return { ok: true }
 * })
 */
export function afterword(): (event: H3Event, next: () => unknown) => unknown {
  instance().expectRequests()
  return (event, next) => {
    // The server's own `waitUntil`, for which its `close()` waits, gets the tasks; ours gets the promises of the app.
    const { waitUntil } = event.req
    event.waitUntil = (work) => instance().waitUntil(work)
    const node = event.runtime?.node
    if (node?.res != null) {
      const res = node.res as NodeResponse
      const orRefusal = async () => {
        const result = await next()
        const refusal = takeRefusal(res)
        if (refusal !== undefined) throw refusal
        return result
      }
      return enterServed(node.req as NodeRequest, res, orRefusal, waitUntil && { waitUntil })
    }
    return inScope(event.req, [event.req], async () => toResponse(await next(), event as FullH3Event))
  }
}
