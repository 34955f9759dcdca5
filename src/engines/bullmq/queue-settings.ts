/** The prefix of all keys in Redis, if none is given: that of BullMQ. */
export const defaultPrefix = 'bull'

/** The options of the workers. */
export const workerOptions = {
  // A worker that is not heard of for so long, in ms, is taken for dead: then one of the next two looks finds its jobs.
  lockDuration: 10_000,
  stalledInterval: 1000,
  // BullMQ would fail a call whose worker has died twice: such runs are counted here.
  maxStalledCount: 1_000_000,
  // The pause in ms after which a worker asks again that could not reach Redis.
  runRetryDelay: 1000,
  // Until then, in seconds, a second call with the id of one that is done is known as one. The count is that of a queue.
  removeOnComplete: { age: 3600, count: 10_000 },
  removeOnFail: { age: 7 * 24 * 3600, count: 100_000 },
}
