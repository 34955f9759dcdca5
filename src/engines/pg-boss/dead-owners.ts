import { clock } from '../../clock.ts'
import type { Boss, BossAttempt } from './boss.ts'
import { type ClaimTable, watchLock } from './claim-table.ts'
import { isQueueGone } from './refusal.ts'
import type { Session } from './session.ts'

/**
 * The time in ms for which an owner has to be without its lock. A connection that breaks is made again sooner: only where its process has died
 * does nobody hold the lock any more.
 */
const grace = 1500
/** The intervals in ms at which one of all processes looks for dead owners, and the others whether that one is dead. */
const lookInterval = 500
const standbyInterval = 1000

/** The things that an owner holds while its connection lasts. */
export interface Held {
  readonly session: Session
  readonly table: ClaimTable
  /** The number of the owner: the key of its lock. */
  readonly number: number
  /** The channel on which all hear that a queue has calls that are to run again. */
  readonly channel: string
}

/** Looks for owners that have died, and hands their claims back: one process at a time does it for all of them. */
export class DeadOwners {
  readonly #boss: Boss
  readonly #held: Held
  #isWatching = false
  /** The owners without a lock, with the moments at which that was seen first. */
  #seen = new Map<number, number>()

  constructor(boss: Boss, held: Held) {
    this.#boss = boss
    this.#held = held
  }

  /** @returns the time in ms until the next look */
  async look(): Promise<number> {
    if (!this.#isWatching) this.#isWatching = await this.#lock()
    if (!this.#isWatching) return standbyInterval
    const { session, table } = this.#held
    const now = clock.now()
    const free = await table.withoutLock(session)
    this.#seen = new Map(Array.from(free, (owner) => [owner, this.#seen.get(owner) ?? now]))
    for (const [owner, since] of this.#seen) if (now - since >= grace) await this.#handBack(owner)
    return lookInterval
  }

  /** The lock is the connection's, and goes with it. */
  async #lock(): Promise<boolean> {
    const { session, table } = this.#held
    const { rows } = await session.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS locked', [
      watchLock,
      table.schema,
    ])
    return (rows as { locked: boolean }[])[0]?.locked === true
  }

  async #handBack(owner: number): Promise<void> {
    const { session, table, channel } = this.#held
    const byQueue = Map.groupBy(await table.claimsOf(session, owner), ({ queue }) => queue)
    for (const [queue, batches] of byQueue) {
      const attempts: BossAttempt[] = batches.flatMap((batch) => batch.attempts)
      // Each is fenced: one that is over, or another worker's by now, stays as it is.
      await this.#boss.fail(queue, attempts, { error: 'the process of the worker has died' }, {}).catch((error) => {
        if (!isQueueGone(error)) throw error
      })
      await session.query('SELECT pg_notify($1, $2)', [channel, queue])
    }
    await table.forget(session, owner)
  }
}
