/**
 * The part of a queue that is used: the binding of a producer.
 * https://developers.cloudflare.com/queues/configuration/javascript-apis
 *
 * @example
 * import { env } from 'cloudflare:workers'
 * const queue: Queue = env.JOBS
 */
export interface Queue {
  sendBatch(
    messages: Iterable<{
      body: unknown
      contentType?: 'text' | 'bytes' | 'json' | 'v8'
      delaySeconds?: number
    }>,
  ): Promise<unknown>
}

/** Sends messages in one batch. */
export function sendBatch(queue: Queue, messages: readonly Outgoing[]): Promise<unknown> {
  return queue.sendBatch(messages.map(({ body, delaySeconds }) => ({ body, contentType: 'json', delaySeconds })))
}

/** A message that is to be sent. */
export interface Outgoing {
  readonly body: object
  readonly delaySeconds: number
}

/** The part of a batch that is used. */
export interface MessageBatch {
  readonly queue: string
  readonly messages: readonly Message[]
}

/** The part of a message that is used. The queue hears of `ack` and `retry` when the invocation of the consumer has ended. */
export interface Message {
  readonly id: string
  readonly body: unknown
  /** The number of deliveries, with this one. */
  readonly attempts: number
  ack(): void
  retry(options?: { delaySeconds?: number }): void
}
