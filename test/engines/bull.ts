import { Queue } from 'bullmq'
import { queueName } from '../../src/engines/queue-name.ts'
import type { StoredCall } from '../../src/engines/stored-call.ts'

/** The queues in Redis, as BullMQ's own class sees them. */
export class Queues implements AsyncDisposable {
  readonly #url: string
  readonly #prefix: string
  readonly #queues = new Map<string, Queue<StoredCall>>()

  constructor(url: string, prefix: string) {
    this.#url = url
    this.#prefix = prefix
  }

  /** The queue of a job. */
  of(job: string, version = 1): Queue<StoredCall> {
    const name = queueName(job, version)
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue<StoredCall>(name, { connection: { url: this.#url }, prefix: this.#prefix })
    queue.on('error', () => {})
    this.#queues.set(name, queue)
    return queue
  }

  /** The calls of a job, with their state. */
  async calls(job: string, version = 1) {
    const queue = this.of(job, version)
    const states = ['active', 'completed', 'delayed', 'failed', 'waiting'] as const
    const lists = await Promise.all(
      states.map(async (state) => {
        const jobs = await queue.getJobs([state])
        return jobs.map(({ id, data, stalledCounter, attemptsStarted }) => {
          return { id, state, data, stalledCounter, attemptsStarted }
        })
      }),
    )
    return lists.flat()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const queue of this.#queues.values()) await queue.close()
  }
}

let prefixes = 0

/** A prefix of keys that no other test has. */
export function freshPrefix(): string {
  return `test-${process.pid}-${++prefixes}`
}
