import type { IncomingMessage, ServerResponse } from 'node:http'
import { instance } from '../instance.ts'
import { enterServed } from './node/node-scope.ts'

/**
 * A middleware of Connect, Express 4 or Express 5.
 *
 * @example
 * const scope: Middleware = afterword()
 * http.createServer((req, res) => scope(req, res, () => handle(req, res)))
 */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

/**
 * Opens a scope for each request: `app.use(afterword())`, before the routes that defer.
 *
 * @example
 * const app = express()
 * app.use(afterword())
 * app.post('/signup', (req, res) => {
 *   defer(sendWelcome, req.body.email)
 *   res.sendStatus(201)
 * })
 */
export function afterword(): Middleware {
  instance().expectRequests()
  // Not the function itself: Express takes one of four parameters for an error handler.
  return (req, res, next) => {
    // The `next` of Express at that time is one of the router that answers, whose error handlers come first.
    enterServed(req, res, next, undefined, (error) => ((req as { next?: typeof next }).next ?? next)(error))
  }
}
