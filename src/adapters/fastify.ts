import { instance } from '../instance.ts'
import { enterServed, type NodeRequest, type NodeResponse } from './node/node-scope.ts'
import { takeRefusal } from './node/own-response.ts'

type Done = (error?: Error) => void
type Raw<T> = { readonly raw: T }
type RequestHook = (request: Raw<NodeRequest>, reply: Raw<NodeResponse>, done: Done) => void
type SendHook = (request: Raw<NodeRequest>, reply: Raw<NodeResponse>, payload: unknown, done: Done) => void

/** The part of a Fastify instance that the adapter uses. */
interface FastifyInstance {
  addHook(name: 'onClose', hook: () => Promise<unknown>): unknown
  addHook(name: 'onRequest' | 'onResponse', hook: RequestHook): unknown
  addHook(name: 'onSend', hook: SendHook): unknown
}

/**
 * A Fastify plugin: `app.register(afterword)`. It opens a scope for each request of the instance that it is registered on,
 * and of the plugins inside; `app.close()` waits for the tasks.
 */
export function afterword(fastify: FastifyInstance, _options: object, done: Done): void {
  const enter: RequestHook = ({ raw: req }, { raw: res }, done) => enterServed(req, res, done)
  fastify.addHook('onRequest', enter)
  // Fastify calls these where the response ends, which may be outside the request's context.
  fastify.addHook('onSend', (request, reply, payload, done) => {
    enter(request, reply, () => sendStored(reply, payload, done))
  })
  fastify.addHook('onResponse', enter)
  // Fastify calls this hook when the requests in flight have ended.
  fastify.addHook('onClose', () => instance().drain())
  done()
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
