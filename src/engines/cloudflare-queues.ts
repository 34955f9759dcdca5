import { AfterwordError } from '../errors.ts'
import type { EngineOption } from '../options/engine-option.ts'
import { isFunction, isNumber, isObject, optional, type Rules, validate } from '../options/validate.ts'
import { outgoing } from './cloudflare-queues/message-body.ts'
import { bytesOf, mostBytesOfCall } from './cloudflare-queues/message-groups.ts'
import type { Queue } from './cloudflare-queues/queue.ts'
import { QueueClient } from './cloudflare-queues/queue-client.ts'
import { RequestSender } from './cloudflare-queues/request-sender.ts'
import { type Engine, lackedByAll } from './engine.ts'
import { EngineJournal } from './engine-journal.ts'

export type { Queue } from './cloudflare-queues/queue.ts'

/**
 * The options of the engine.
 *
 * @example
 * cloudflareQueues({ queue: env.JOBS, deadLetterQueue: env.DEAD_JOBS })
 */
export interface CloudflareQueuesOptions {
  /** The binding of the queue that keeps the calls: `env.JOBS`, of `import { env } from 'cloudflare:workers'`. */
  readonly queue: Queue
  /** The binding of the queue for the calls that have failed for good. @default none: those are reported, and no more */
  readonly deadLetterQueue?: Queue
  /** The time in ms of an invocation of the consumer in which jobs run; the platform ends it after 15 minutes. @default 840000 */
  readonly limit?: number
}

const rules: Rules<CloudflareQueuesOptions> = {
  queue: {
    ...optional('the binding of a queue: env.JOBS, of import { env } from "cloudflare:workers"', isQueue),
    required: true,
  },
  deadLetterQueue: optional('the binding of a queue, env.DEAD_JOBS', isQueue),
  limit: {
    default: 840_000,
    expected: 'a number of milliseconds above 0',
    accepts: (value) => isNumber(value) && value > 0,
  },
}

function isQueue(value: unknown): boolean {
  return isObject(value) && isFunction((value as Partial<Queue>).sendBatch)
}

/**
 * Names Cloudflare Queues as the engine, for Workers. A request sends its calls within itself, and its response waits for that. The consumer
 * of the queue is `queue` of the instance that `configure` returns.
 *
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION` where a binding is missing, `AFTERWORD_UNKNOWN_OPTION`
 *
 * @example
 * import { env } from 'cloudflare:workers'
 *
 * const afterword = configure({ engine: cloudflareQueues({ queue: env.JOBS, deadLetterQueue: env.DEAD_JOBS }) })
 *
 * export default { fetch: withAfterword(signUp), queue: afterword.queue }
 */
export function cloudflareQueues(options: CloudflareQueuesOptions): EngineOption {
  return { name: 'Cloudflare Queues', settings: validate('cloudflareQueues', rules, options), open } as EngineOption
}

type Settings = Required<CloudflareQueuesOptions>

/** Opens the engine. One function for all options: a module that is evaluated again gives the same ones. */
const open: EngineOption['open'] = function (this: { settings: Settings }, settings, claimer, openJournal) {
  if (openJournal !== undefined) {
    const expected = 'left out where the engine is Cloudflare Queues, which stands alone'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', ['configure', 'journal', expected, 'both'])
  }
  const { holdTimeout } = settings
  const engine: Engine = {
    name: 'Cloudflare Queues',
    lacks: [...lackedByAll, 'key', 'rate'],
    connect: () => new QueueClient({ ...this.settings, holdTimeout }),
    check(call) {
      const bytes = bytesOf(outgoing(call).body)
      if (bytes <= mostBytesOfCall) return
      const limit = ['what a message of Cloudflare Queues has room for', mostBytesOfCall]
      throw new AfterwordError('AFTERWORD_PAYLOAD_TOO_LARGE', [call.job, bytes, ...limit])
    },
    sender: (options) => new RequestSender(options),
  }
  return new EngineJournal(engine, settings, claimer)
}
