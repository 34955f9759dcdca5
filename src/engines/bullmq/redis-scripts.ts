import type { BullQueue } from './bull.ts'
import type { RedisClient } from './redis.ts'

/**
 * The scripts do at once what BullMQ has no single command for. They know its keys, which all releases of a major version share, and its
 * libraries for other languages as well.
 */
const remove = `
local id, prefix, failed = ARGV[1], ARGV[2], ARGV[3]
local from
if redis.call('LREM', KEYS[2], 1, id) == 1 then from = 'waiting'
elseif redis.call('ZREM', KEYS[3], id) == 1 then from = 'delayed'
elseif redis.call('ZREM', KEYS[4], id) == 1 then from = 'prioritized'
elseif failed == '1' and redis.call('ZREM', KEYS[5], id) == 1 then from = 'failed'
else return 0 end
local deduplication = redis.call('HGET', KEYS[1], 'deid')
if deduplication then
  local key = prefix .. 'de:' .. deduplication
  if redis.call('GET', key) == id then redis.call('DEL', key) end
end
redis.call('DEL', KEYS[1], KEYS[1] .. ':logs')
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 10000, '*', 'event', 'removed', 'jobId', id, 'prev', from)
return 1
`

const retry = `
local id, prefix, data = ARGV[1], ARGV[2], ARGV[3]
if not redis.call('ZSCORE', KEYS[5], id) then return 0 end
local deduplication = redis.call('HGET', KEYS[1], 'deid')
if deduplication then
  local key = prefix .. 'de:' .. deduplication
  local holder = redis.call('GET', key)
  if holder and holder ~= id and redis.call('EXISTS', prefix .. holder) == 1 then return 0 end
  redis.call('SET', key, id)
end
redis.call('ZREM', KEYS[5], id)
redis.call('HSET', KEYS[1], 'data', data)
redis.call('HDEL', KEYS[1], 'finishedOn', 'processedOn', 'failedReason', 'stacktrace', 'atm', 'ats', 'stc')
redis.call('LPUSH', KEYS[2], id)
if not redis.call('HGET', KEYS[7], 'paused') then redis.call('ZADD', KEYS[8], 0, '0') end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 10000, '*', 'event', 'waiting', 'jobId', id, 'prev', 'failed')
return 1
`

/** The workers of BullMQ alone move calls that are due out of `delayed`, whose scores are the moments in ms, times 4096. */
const idle = `
local prefix, since = ARGV[2], tonumber(ARGV[3])
if redis.call('LLEN', KEYS[9]) > 0 then return 0 end
for _, key in ipairs({ KEYS[10], KEYS[5] }) do
  local ended = redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]
  if ended and tonumber(ended) > since then return 0 end
end
local due = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]
if due and tonumber(due) / 4096 <= since then return 1 end
local oldest = redis.call('LINDEX', KEYS[2], -1)
if not oldest then return 0 end
local times = redis.call('HMGET', prefix .. oldest, 'timestamp', 'delay', 'processedOn')
local waits = math.max(tonumber(times[1] or 0) + tonumber(times[2] or 0), tonumber(times[3] or 0))
return waits <= since and 1 or 0
`

/** A call of the queue has been due since a moment, and none runs, nor has one ended meanwhile. */
export async function isIdle(client: RedisClient, queue: BullQueue, since: number): Promise<boolean> {
  return (await run(client, idle, queue, '', since)) === 1
}

/** Deletes a call that waits; with `failed`, also one that has failed. @returns false if it is neither */
export async function removeCall(client: RedisClient, queue: BullQueue, id: string, failed = false): Promise<boolean> {
  return (await run(client, remove, queue, id, failed ? 1 : 0)) === 1
}

/** Makes a failed call wait again, with its data as given. @returns false if it has not failed, or its unique key is another one's by now */
export async function retryCall(client: RedisClient, queue: BullQueue, id: string, data: object): Promise<boolean> {
  return (await run(client, retry, queue, id, JSON.stringify(data))) === 1
}

/** Redis takes what is written: it is not full, and no replica that is read only. */
export async function takesWrites(client: RedisClient, prefix: string): Promise<boolean> {
  const write = `return redis.call('SET', KEYS[1], '', 'PX', 1)`
  return (await client.eval(write, 1, `${prefix}:afterword-probe`)) !== null
}

/** Finds the call that has a unique key. */
export function holderOf(client: RedisClient, queue: BullQueue, deduplication: string): Promise<string | null> {
  return client.get(`${queue.toKey('de')}:${deduplication}`)
}

function run(client: RedisClient, script: string, queue: BullQueue, id: string, more: string | number) {
  const types = [id, 'wait', 'delayed', 'prioritized', 'failed', 'events', 'meta', 'marker', 'active', 'completed']
  const keys = types.map((type) => queue.toKey(type))
  return client.eval(script, keys.length, ...keys, id, queue.toKey(''), more)
}
