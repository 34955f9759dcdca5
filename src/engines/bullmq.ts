import { AfterwordError, describe } from '../errors.ts'
import type { EngineOption } from '../options/engine-option.ts'
import { isObject, isText, optional, type Rules, validate } from '../options/validate.ts'
import { BullClient } from './bullmq/bull-client.ts'
import { isClient, loadBull, loadRedis } from './bullmq/bull-package.ts'
import { defaultPrefix } from './bullmq/queue-settings.ts'
import type { GivenClient, RedisOptions, RedisPlace } from './bullmq/redis.ts'
import { defineEngine } from './define-engine.ts'

export type { GivenClient, RedisOptions } from './bullmq/redis.ts'

/**
 * The options of the engine BullMQ.
 *
 * @example
 * configure({ engine: bullmq({ connection: process.env.REDIS_URL, prefix: 'jobs' }) })
 */
export interface BullmqOptions {
  /**
   * The Redis that keeps the calls: its URL, the options of ioredis, or a client of it, whose settings are taken. Connections are of the
   * engine's own: a client that was given stays as it is. @default none
   */
  readonly connection: string | RedisOptions | GivenClient | undefined
  /** The prefix of all keys in Redis, as BullMQ has it. @default 'bull' */
  readonly prefix?: string
}

const engine = defineEngine({
  name: 'BullMQ',
  connect: ({ connection, prefix }: { connection: RedisPlace; prefix: string }) =>
    new BullClient({ bull: loadBull(), makeClient: loadRedis(connection), prefix }),
})

const rules: Rules<BullmqOptions> = {
  connection: {
    ...optional('the URL of a Redis (redis:// or rediss://), the options of ioredis, or a client of it', namesServer),
    required: true,
    // The URL has a password.
    secret: true,
  },
  prefix: { ...optional('a text without colons', (value) => isText(value) && !String(value).includes(':')) },
}

/**
 * Names BullMQ as the engine, in a Redis: any process on it runs the jobs that another one has dispatched or deferred. Redis has to keep
 * what it has: `appendonly yes` and `maxmemory-policy noeviction`.
 *
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION` where nothing says which Redis, and in `configure` `AFTERWORD_ENGINE_MISSING`
 *
 * @example
 * configure({ engine: bullmq({ connection: process.env.REDIS_URL }) })
 */
export function bullmq(given: BullmqOptions): EngineOption {
  const { connection, prefix = defaultPrefix } = validate('bullmq', rules, given)
  if (hasKeyPrefix(connection as RedisPlace)) {
    const expected = 'no option of a connection: BullMQ has its own, bullmq({ connection, prefix })'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', ['bullmq', 'keyPrefix', expected, describe('a text')])
  }
  return engine({ connection: connection as RedisPlace, prefix })
}

/** The value says where Redis is. Without a word ioredis takes one of this machine, which nobody means who has forgotten to set REDIS_URL. */
function namesServer(value: unknown): boolean {
  if (typeof value === 'string') return /^rediss?:\/\/./.test(value)
  if (!isObject(value)) return false
  if (isClient(value as RedisPlace)) return true
  return ['url', 'host', 'port', 'path', 'sentinels'].some((option) => {
    const set = (value as RedisOptions)[option]
    return set !== undefined && set !== ''
  })
}

function hasKeyPrefix(place: RedisPlace): boolean {
  if (typeof place === 'string') return false
  return Boolean(isClient(place) ? place.options?.keyPrefix : place.keyPrefix)
}
