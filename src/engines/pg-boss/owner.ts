import { randomInt } from 'node:crypto'
import { rootContext } from '../../schedule/current.ts'
import { setTimer, waitFor, within } from '../../timers.ts'
import { digest } from '../queue-name.ts'
import type { Boss, BossAttempt } from './boss.ts'
import { type BatchClaims, ClaimTable, ownerLock } from './claim-table.ts'
import { DeadOwners, type Held } from './dead-owners.ts'
import { isOwnSession, makeSession, type Session } from './session.ts'

/** The shortest and the longest pause in ms before a connection is made again: shorter than the time after which an owner is taken for dead. */
const firstPause = 50
const longestPause = 400
/** The time in ms for which a run waits at most until the table knows its claim: calls go on where the connection gives no answer. */
const longestWrite = 1000
/** The time in ms after which a connection without an answer is given up. */
const longestAnswer = 5000

/**
 * The owner of this process's claims: a connection that holds an advisory lock, as the slot of a folder holds a lock of its file. The server frees
 * the lock when the process dies. The claims of an owner without a lock are handed back then, by whoever lives. Where there is no such connection, behind
 * a pooler, or no right to make the table, those of a dead process are found by pg-boss: it renews them no more.
 */
export class Owner {
  readonly #boss: Boss
  readonly #wake: (queue: string) => void
  /** The claims of batches whose runs are not over. */
  readonly #claims = new Map<number, BatchClaims>()
  #batches = 0
  /** The batches that the table does not know yet, and those that are over which it knows. */
  #begun = new Map<number, BatchClaims>()
  #over: number[] = []
  /** The statements of this connection, one after another. */
  #writing: Promise<void> = Promise.resolve()
  #held: Held | undefined
  #session: Session | undefined
  /** The number of the owner that this process was last. */
  #number: number | undefined
  #isOpen = false
  /** Resolves when the first try to hold the lock is over. */
  readonly #tried = Promise.withResolvers<void>()
  #closed = false

  /** @param wake lets the workers of a queue look for calls */
  constructor(boss: Boss, wake: (queue: string) => void) {
    this.#boss = boss
    this.#wake = wake
  }

  /** Begins to hold the lock. Resolves when it is held, or can't be at the moment. @param queue the name of one that is there */
  async open(queue: string): Promise<void> {
    if (!this.#isOpen) void rootContext.runInAsyncScope(() => this.#keep(queue)).finally(this.#tried.resolve)
    this.#isOpen = true
    await within(longestAnswer, this.#tried.promise)
  }

  /**
   * Notes the claims of a batch. Resolves when the table knows them, so that a run which has begun is found when this process dies; or without
   * that, where there is no connection at the moment.
   * @returns what is called when its runs are over
   */
  async claim(queue: string, attempts: readonly BossAttempt[]): Promise<() => void> {
    const batch = ++this.#batches
    const claims = { queue, attempts }
    this.#claims.set(batch, claims)
    this.#begun.set(batch, claims)
    await within(longestWrite, this.#write())
    return () => {
      this.#claims.delete(batch)
      // Other claims take the news with them: that of an end alone is not worth a statement.
      if (!this.#begun.delete(batch)) this.#over.push(batch)
    }
  }

  /** Lets go of the lock: claims that are not over are handed back by the others. */
  close(): void {
    this.#closed = true
    void this.#session?.end().catch(() => {})
  }

  /** Holds the lock, and takes it again when the connection was lost. */
  async #keep(queue: string): Promise<void> {
    for (let pause = firstPause; !this.#closed; pause = Math.min(longestPause, 2 * pause)) {
      const session = makeSession(this.#boss)
      if (session === undefined) return
      this.#session = session
      const lost = new Promise<void>((resolve) => {
        session.on('error', () => resolve())
        session.on('end', resolve)
      })
      try {
        await session.connect()
        if (!(await isOwnSession(session))) break
        const held = await this.#hold(session, queue)
        pause = firstPause
        this.#tried.resolve()
        await Promise.race([lost, this.#look(held)])
      } catch (error) {
        if (isForGood(error)) break
      }
      this.#tried.resolve()
      this.#held = undefined
      void session.end().catch(() => {})
      if (!this.#closed) await waitFor(pause)
    }
    await this.#session?.end().catch(() => {})
  }

  async #hold(session: Session, queue: string): Promise<Held> {
    const table = await ClaimTable.open(this.#boss, session, queue)
    // A number of its own for each connection: the server may not know yet that the one before is gone.
    const number = randomInt(1, 2 ** 31)
    await session.query('SELECT pg_advisory_lock($1, $2)', [ownerLock, number])
    const channel = `afterword_${digest(table.schema).slice(0, 16)}`
    session.on('notification', ({ payload }) => payload !== undefined && this.#wake(payload))
    await session.query(`LISTEN ${channel}`)
    this.#begun = new Map()
    this.#over = []
    await table.change(session, number, new Map(this.#claims), [])
    if (this.#number !== undefined) await table.forget(session, this.#number)
    this.#number = number
    this.#held = { session, table, number, channel }
    // Nothing that the connection before has left without an answer is waited for.
    this.#writing = Promise.resolve()
    void this.#write()
    return this.#held
  }

  /** Looks for dead owners. Resolves when the connection is of no use any more. */
  async #look(held: Held): Promise<void> {
    const dead = new DeadOwners(this.#boss, held)
    while (this.#held === held && !this.#closed) {
      let next = 0
      // A connection that is half open gives no answer: the server has none any more.
      const look = dead.look().then((time) => void (next = time))
      if (!(await within(longestAnswer, look))) return
      await new Promise<void>((resolve) => void setTimer(resolve, next).unref())
    }
  }

  /** Writes what the table does not know. Batches that come while a statement is on its way share the next one. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const [held, begun, over] = [this.#held, this.#begun, this.#over]
      if (held === undefined || begun.size === 0) return
      this.#begun = new Map()
      this.#over = []
      // Where the connection is lost, or the table, all that is known is written again once there is one.
      await held.table.change(held.session, held.number, begun, over).catch(() => held.session.end().catch(() => {}))
    })
    return this.#writing
  }
}

/** The rights of this user do not suffice, or the statement is none of this server's: another try would end alike. */
function isForGood(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' && /^(42501|0A)/.test(code)
}
