import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { takeRefusal } from './node/own-response.ts'

type Done = (error?: Error) => void
type Raw<T> = { readonly raw: T }
type RequestHook = (request: Raw<NodeRequest>, reply: Raw<NodeResponse>, done: Done) => void
type SendHook = (request: Raw<NodeRequest>, reply: Raw<NodeResponse>, payload: unknown, done: Done) => void

/** The part of a server that the adapter uses. */
interface ClosingServer {
  close(callback?: (error?: Error) => void): unknown
}

/** The part of a Fastify instance that the adapter uses. */
interface FastifyInstance {
  readonly server: ClosingServer
  addHook(name: 'preClose', hook: (done: Done) => void): unknown
  addHook(name: 'onClose', hook: () => Promise<unknown>): unknown
  addHook(name: 'onRequest' | 'onResponse', hook: RequestHook): unknown
  addHook(name: 'onSend', hook: SendHook): unknown
}

/**
 * A Fastify plugin: `app.register(afterword)`. It opens a scope for each request of the instance that it is registered on,
 * and of the plugins inside; `app.close()` waits for the tasks.
 *
 * @example
 * const app = fastify()
 * await app.register(afterword)
 * app.post('/signup', async (request) => {
 *   defer(sendWelcome, request.body.email)
 *   return { ok: true }
 * })
 */
export function afterword(fastify: FastifyInstance, _options: object, done: Done): void {
  instance().expectRequests()
  const enter: RequestHook = ({ raw: req }, { raw: res }, done) => enterServed(req, res, done)
  fastify.addHook('onRequest', enter)
  // Fastify calls these where the response ends, which may be outside the request's context.
  fastify.addHook('onSend', (request, reply, payload, done) => {
    enter(request, reply, () => sendStored(reply, payload, done))
  })
  fastify.addHook('onResponse', enter)
  fastify.addHook('preClose', (done) => {
    drainAtClose(fastify.server)
    done()
  })
  // For tasks of the app's own `onClose` hooks, and where Fastify has no server to close.
  fastify.addHook('onClose', () => instance().drain())
  done()
}

/**
 * Makes the next `close` of a server call back when no task is left: Fastify calls it when its `preClose` hooks are through, and its
 * `onClose` hooks, in which plugins close what tasks need, only when it has called back.
 */
function drainAtClose(server: ClosingServer): void {
  const { close } = server
  server.close = (callback) => {
    server.close = close
    return close.call(
      server,
      (error) =>
        void instance()
          .drain()
          .then(() => callback?.(error)),
    )
  }
}

/** Makes a refused record an error like others, which the app's own error handler answers: nothing was sent yet. */
function sendStored({ raw: res }: Raw<NodeResponse>, payload: unknown, done: Done): void {
  const refusal = takeRefusal(res)
  if (refusal === undefined)
    return done()
    // The payload may be a file, which is not read any more.
  ;(payload as { destroy?(): unknown } | null | undefined)?.destroy?.()
  done(refusal)
}

// The marks that `fastify-plugin` sets: the hooks belong to the instance that registers them, not to one of the plugin's own.
Object.assign(afterword, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: 'afterword',
  [Symbol.for('plugin-meta')]: { name: 'afterword', fastify: '5.x' },
})
