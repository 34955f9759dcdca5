import type { Outgoing } from './queue.ts'

/** The most messages of a batch, and its most bytes. https://developers.cloudflare.com/queues/platform/limits */
const mostMessages = 100
const mostBytes = 256_000
/** The bytes that the platform adds to a message: some hundred. */
const overhead = 128

/** The most bytes of a call. A message has 128 kB, of which the error of a dead letter needs some. */
export const mostBytesOfCall = 125_000

/** Counts the bytes of a body, as the queue stores it. */
export function bytesOf(body: object): number {
  return new TextEncoder().encode(JSON.stringify(body)).length
}

/** Divides messages into batches that the queue takes. */
export function messageGroups<T extends Outgoing>(messages: readonly T[]): T[][] {
  const groups: T[][] = []
  let group: T[] = []
  let bytes = 0
  for (const message of messages) {
    const more = bytesOf(message.body) + overhead
    if (group.length === mostMessages || bytes + more > mostBytes) [group, bytes] = [[], 0]
    if (group.length === 0) groups.push(group)
    group.push(message)
    bytes += more
  }
  return groups
}
