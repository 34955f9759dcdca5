import { clearTimeout, clock, setImmediate, setTimeout } from '../../clock.ts'
import { type CommitGroup, type Store, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Channel } from './channel.ts'
import { idsOf, PendingGroup } from './pending-group.ts'
import type { Recorded } from './record-queue.ts'
import type { StoredRecord } from './stored-record.ts'

/** The time in ms for which changes wait for others to ride along with. */
const changeDelay = 1
/** The delay in ms after which a group that could not be stored is tried again: at first, and at most. */
const firstRetry = 100
const longestRetry = 5000

/** The listener of a write queue. */
export interface WriteListener {
  /** A group is about to be sent: entries of the log go first. */
  sending(): void
  /** Calls `fn` when those entries are where they have to be: at once, as a rule. */
  after(fn: () => void): void
  /** A record is in the database. @param existing the id of the record that stands for it already */
  moved(record: StoredRecord, existing?: number): void
}

/** A write queue sends groups of changes to one database: while one is being committed, the next one grows. Groups are sent until they are stored. */
export class WriteQueue {
  readonly store: Store
  readonly #channel: Channel
  #listener: WriteListener | undefined
  #next: PendingGroup
  #committing: PendingGroup | undefined
  /** The moment by `performance.now()` at which the oldest group that is not stored was first sent. */
  #since: number | undefined
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  #retryDelay = firstRetry
  /** Transitions in databases of dead processes that could not be stored: they are tried again, and hold nothing up. */
  #left: PendingGroup | undefined
  #leftDelay = firstRetry
  #closed = false
  #idle: PromiseWithResolvers<void> | undefined

  constructor(store: Store, channel: Channel) {
    this.store = store
    this.#channel = channel
    this.#next = PendingGroup.of(store)
  }

  listen(listener: WriteListener): void {
    this.#listener = listener
  }

  /** The time in ms for which a group has waited to be stored. */
  get lag(): number {
    return this.#since === undefined ? 0 : clock.now() - this.#since
  }

  /** The number of records that move to the database. */
  get moving(): number {
    return this.#next.moving.length + (this.#committing?.moving.length ?? 0)
  }

  /** Moves a record from the log to the database. @param offset that of the record's frame in the log */
  move(record: StoredRecord, offset: number): void {
    const [attempt, runAt, delay] = record.retried ?? [0, 0, 0]
    this.#next.group.moves.push(record.recordId, offset, attempt, runAt, delay, record.otherKeys)
    this.#next.moving.push(record)
    if (this.#flushSet || this.#committing !== undefined) return
    // Other requests add their records in the same phase of the event loop.
    this.#flushSet = true
    setImmediate(this.flush)
  }

  /** Adds the transition of a record to the next group. */
  change({ recordId }: Recorded, kind: number, first: string | number = 0, second: string | number = 0): void {
    this.#next.group.transitions.push(kind, recordId, first, second)
    this.#flushLater()
  }

  /** Adds a record that is done to the next group. */
  done({ recordId }: Recorded): void {
    this.#next.group.done.push(recordId)
    this.#flushLater()
  }

  #flushLater(): void {
    if (this.#flushSet || this.#committing !== undefined) return
    this.#timer ??= setTimeout(this.flush, changeDelay)
  }

  /** Resolves when the note that a record runs is stored. */
  begin(record: Recorded): Promise<void> {
    return new Promise((resolve) => {
      this.#next.expect(record.recordId, resolve)
      this.change(record, transition.begin)
    })
  }

  readonly flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#committing !== undefined || !this.#hasPending) return
    this.#listener?.sending()
    const committing = this.#next
    this.#committing = committing
    this.#since ??= clock.now()
    this.#next = PendingGroup.of(this.store)
    if (this.#listener === undefined) this.#send(committing)
    else this.#listener.after(() => this.#send(committing))
  }

  #send(committing: PendingGroup): void {
    // The server may have died meanwhile.
    if (this.#committing !== committing) return
    // The refusal comes later: a caller that tries again and again must leave time for the server to come back.
    if (!this.#channel.up) return void setImmediate(() => this.refused())
    // The process stays until the group is stored.
    this.#channel.busy = true
    this.#channel.post(committing.group)
  }

  /** The group is stored. @param duplicates @param left as in `FromServer` */
  committed(duplicates: readonly number[], left?: CommitGroup): void {
    const committing = this.#committing ?? PendingGroup.of(this.store)
    this.#committing = undefined
    this.#since = undefined
    this.#retryDelay = firstRetry
    const existing = new Map<number, number>()
    for (let i = 0; i < duplicates.length; i += 2) existing.set(duplicates[i] as number, duplicates[i + 1] as number)
    for (const record of committing.moving) this.#listener?.moved(record, existing.get(record.recordId))
    const rest = committing.stored(left ?? PendingGroup.of(this.store).group)
    if (left === undefined) this.#leftDelay = firstRetry
    else this.#tryLater(rest)
    if (this.#next.moving.length > 0) this.flush()
    else if (this.#hasPending) this.#flushIn(this.#idle === undefined ? changeDelay : 0)
    else this.#rest()
  }

  #tryLater(left: PendingGroup): void {
    const isFirst = this.#left === undefined
    this.#left = this.#left?.before(left) ?? left
    if (!isFirst || this.#closed) return
    setTimeout(this.#tryLeft, this.#leftDelay).unref()
    this.#leftDelay = Math.min(2 * this.#leftDelay, longestRetry)
  }

  readonly #tryLeft = (): void => {
    if (this.#left === undefined) return
    this.#next = this.#left.before(this.#next)
    this.#left = undefined
    this.#flushIn(0)
  }

  /** The group is not stored: it is tried again, in order. Once the queue is closed, the caller of `close` tries. @param left the part that is not */
  refused(left = this.#committing?.group): void {
    const committing = this.#committing
    if (committing === undefined || left === undefined) return
    this.#next = committing.stored(left).before(this.#next)
    this.#committing = undefined
    if (this.#closed) return this.#rest()
    this.#flushIn(this.#retryDelay)
    this.#retryDelay = Math.min(2 * this.#retryDelay, longestRetry)
  }

  #flushIn(ms: number): void {
    this.#timer ??= setTimeout(this.flush, ms)
  }

  /** Resolves when all is stored, or can't be; another call tries the rest again. */
  async close(): Promise<void> {
    this.#tryLeft()
    this.#closed = true
    await this.flushed()
  }

  /** Resolves when all is stored; once the queue is closed, also if it can't be. */
  async flushed(): Promise<void> {
    this.flush()
    if (this.idle) return
    this.#idle ??= Promise.withResolvers()
    await this.#idle.promise
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#idle?.resolve()
    this.#idle = undefined
  }

  /** The ids of records whose transitions are not known to be stored. */
  get changing(): number[] {
    return this.#groups.flatMap((group) => [...group.done, ...idsOf(group)])
  }

  /** The end of a record that is not stored yet, with its transition if the record has failed. */
  protected endOf(recordId: number): { readonly failed?: Transition } | undefined {
    for (const { done, transitions } of this.#groups) {
      if (done.includes(recordId)) return {}
      for (let i = 0; i < transitions.length; i += transitionWidth) {
        const isFailed = transitions[i] === transition.failed && transitions[i + 1] === recordId
        if (isFailed) return { failed: transitions.slice(i, i + transitionWidth) }
      }
    }
    return undefined
  }

  get #groups(): CommitGroup[] {
    return [this.#left, this.#committing, this.#next].flatMap((pending) => pending?.group ?? [])
  }

  /** No group is on its way. */
  get idle(): boolean {
    return this.#committing === undefined && !this.#hasPending
  }

  get #hasPending(): boolean {
    return !this.#next.isEmpty
  }
}
