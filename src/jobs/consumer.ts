import { AfterwordError } from '../errors.ts'
import type { Lifecycle } from '../lifecycle.ts'
import type { Registry } from './registry.ts'

/**
 * A consumer runs the jobs of a batch of messages, and resolves when they have ended. It is a handler of Cloudflare Workers, and rejects with
 * `AFTERWORD_NO_CONSUMER` where the engine is not Cloudflare Queues.
 *
 * @example
 * export default { fetch: withAfterword(signUp), queue: afterword.queue }
 */
export type Consumer = (batch: object, env?: unknown, context?: object) => Promise<void>

/** Makes the consumer of an instance. */
export function createConsumer(registry: Registry, lifecycle: Lifecycle): Consumer {
  return async (batch, _env, context) => {
    const { journal } = registry
    if (journal?.consume === undefined) throw new AfterwordError('AFTERWORD_NO_CONSUMER')
    lifecycle.use()
    await journal.consume(batch, context)
  }
}
