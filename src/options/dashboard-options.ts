import { isFunction, isText, optional, type Rules, validate } from './validate.ts'

/**
 * The role of a person: who may look, and who may act on records as well.
 *
 * @example
 * const role: DashboardRole = user.isOnCall ? 'write' : 'read'
 */
export type DashboardRole = 'read' | 'write'

/**
 * The answer of `authorize`: a role, or `false` for none. The `actor` is who the log of actions names.
 *
 * @example
 * const authorize = (req): Authorization => req.user?.isAdmin && { role: 'write', actor: req.user.email }
 */
export type Authorization =
  | DashboardRole
  | false
  | { readonly role: DashboardRole; readonly actor?: string | undefined }

/**
 * The options of `dashboard`.
 *
 * @example
 * app.use('/afterword', dashboard({ authorize: (req) => (req.user?.isAdmin ? 'write' : false) }))
 */
export interface DashboardOptions<R = never> {
  /**
   * Tells the role of who asks, by the request as the framework hands it to a handler: `req` of Express, Connect, Nest and `node:http`, the `Request` of
   * fetch handlers, the request of Fastify, the context of Koa and Hono, the event of h3.
   * @default `'write'` for this machine outside production, and nobody else
   */
  readonly authorize?: (request: R) => Authorization | PromiseLike<Authorization>
  /**
   * The store whose records are listed: the folder of a journal, the file of an app's own database, or the URL of a Postgres or a Redis in which an engine keeps
   * the jobs. @default the journal of the process
   */
  readonly store?: string
  /**
   * The pages that may show the dashboard in a frame: the sources of `frame-ancestors` in a Content-Security-Policy, such as `'self'` in quotes, or
   * `https://admin.example`. @default none
   */
  readonly frameAncestors?: string
}

const rules: Rules<DashboardOptions> = {
  authorize: optional('a function that returns a role', isFunction),
  frameAncestors: optional('sources of a Content-Security-Policy', isText),
  store: optional('the path of a journal, or the URL of an engine', isText),
}

export function validateDashboard<R>(given: DashboardOptions<R>): DashboardOptions<R> {
  return validate('dashboard', rules as Rules<DashboardOptions<R>>, given)
}
