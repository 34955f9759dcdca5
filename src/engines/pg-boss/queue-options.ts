/** The most runs of a call, of those that are told of and those that are not. */
export const mostRuns = 1_000_000
/** The time in seconds for which a call stays in the table that is done, and one that has failed. */
export const doneFor = 3600
export const failedFor = 7 * 24 * 3600

/** The options of the queues. Those that are there keep theirs. */
export const queueOptions = {
  // One of the policies that know a unique key; it can't be changed later.
  policy: 'exclusive',
  notify: true,
  // A worker that is not heard of for so long is taken for dead. The least that pg-boss allows.
  heartbeatSeconds: 10,
  // The task's own timeout ends a run. This one is the most that pg-boss allows.
  expireInSeconds: 24 * 3600,
  // The attempts are counted with the call; pg-boss counts the runs of which no end was heard as well.
  retryLimit: mostRuns,
  retryDelay: 0,
  // Until then a second call with the same id is known as one.
  deleteAfterSeconds: doneFor,
  // A call that waits for long is not forgotten: ten years.
  retentionSeconds: 10 * 365 * 24 * 3600,
}
