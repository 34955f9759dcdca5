import { clock } from '../../clock.ts'
import { waitFor, within } from '../../timers.ts'
import { plainError } from '../plain-error.ts'
import { messageGroups } from './message-groups.ts'
import type { Outgoing } from './queue.ts'

/** The shortest and the longest pause in ms before a batch is sent again. */
const firstPause = 50
const longestPause = 1000

interface Sending<T> {
  /** Sends a batch. */
  send(messages: readonly T[]): Promise<unknown>
  /** The moment by `performance.now()` after which no batch is sent again. */
  readonly deadline: number
  /** Tells what became of the queue. */
  readonly watch: { away(error: unknown): void; reached(): void }
  /** Called for each batch. @param trouble tells why the queue did not take the batch; `undefined` if it did */
  settled(messages: readonly T[], trouble: string | undefined): void
}

/**
 * Sends messages in as few batches as the queue takes, each again until a moment. A batch without an answer is not sent again: the queue
 * knows no ids, and would have its messages twice. Never rejects.
 */
export async function sendMessages<T extends Outgoing>(messages: readonly T[], sending: Sending<T>): Promise<void> {
  await Promise.all(messageGroups(messages).map((group) => sendGroup(group, sending)))
}

async function sendGroup<T>(group: readonly T[], sending: Sending<T>): Promise<void> {
  const { send, deadline, watch, settled } = sending
  for (let pause = firstPause; ; pause = Math.min(longestPause, 2 * pause)) {
    try {
      const isSent = await within(Math.max(0, deadline - clock.now()), send(group))
      if (isSent) watch.reached()
      else watch.away(new Error('no answer'))
      return settled(group, isSent ? undefined : 'no answer')
    } catch (error) {
      watch.away(error)
      if (clock.now() + pause >= deadline) return settled(group, plainError(error as Error).message)
    }
    await waitFor(pause)
  }
}
