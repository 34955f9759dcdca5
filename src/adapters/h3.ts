import { type H3Event as FullH3Event, toResponse } from 'h3'
import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { inScope } from './web/fetch-scope.ts'

type WaitUntil = (work: Promise<unknown>) => void

/** What is needed of the event of h3 2, which Nitro 3 passes on. */
interface H3Event {
  readonly req: Request & { waitUntil?: WaitUntil }
  readonly runtime?: { readonly node?: { readonly req: unknown; readonly res?: unknown } } | undefined
  waitUntil: WaitUntil
}

/** Opens a scope for each request: `app.use(afterword())`, ahead of the routes. `event.waitUntil` is caught. */
export function afterword(): (event: H3Event, next: () => unknown) => unknown {
  return (event, next) => {
    // The server's own, which its `close()` waits for, is told of the tasks; what the app hands over comes to us.
    const { waitUntil } = event.req
    event.waitUntil = (work) => instance().waitUntil(work)
    const node = event.runtime?.node
    if (node?.res != null) {
      return enterServed(node.req as NodeRequest, node.res as NodeResponse, next, waitUntil && { waitUntil })
    }
    return inScope(event.req, [event.req], async () => toResponse(await next(), event as FullH3Event))
  }
}
