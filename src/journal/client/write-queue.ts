import { AfterwordError } from '../../errors.ts'
import { type CommitGroup, type Store, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { Channel } from './channel.ts'
import type { StoredRecord } from './stored-record.ts'

/** The time in ms for which transitions wait for records to ride along with. */
const transitionDelay = 1
/** The delay in ms after which transitions that could not be stored are tried again: at first, and at most. */
const firstRetry = 100
const longestRetry = 5000

/**
 * The most groups of a store that may be on their way: while the journal's thread commits one, the thread of the requests collects the next
 * and answers for the one before. Groups of the shared store may have to wait for another process, and go one by one, in order.
 */
const mostCommitting = { own: 2, shared: 1 } as const
/** The least size of a second group: to wake the thread costs more than fewer records would wait. */
const leastLarge = 32

/** A group that is not committed yet, and all that waits for it: records to be accepted, and runs to begin. */
interface PendingGroup {
  readonly group: CommitGroup
  readonly accepting: StoredRecord[]
  readonly beginning: (() => void)[]
}

/** A write queue sends groups to one store: while some are being committed, the next one grows. */
export class WriteQueue {
  readonly store: Store
  readonly #channel: Channel
  #next: PendingGroup
  readonly #committing: PendingGroup[] = []
  /**
   * The size at which a group does not wait for the group before it: half of the records that are there. So one half is committed while
   * the other half is collected and answered for, however many records there are.
   */
  #large = leastLarge
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  #retryDelay = firstRetry
  /** The reason why the queue accepts no record any more. */
  #closed: string | undefined
  #idle: PromiseWithResolvers<void> | undefined

  constructor(store: Store, channel: Channel) {
    this.store = store
    this.#channel = channel
    this.#next = this.#empty()
  }

  /** Adds a record to the next group. */
  accept(record: StoredRecord, values: CommitGroup['accepts']): void {
    if (this.#closed !== undefined) return this.#refuse([record], this.#closed)
    this.#next.group.accepts.push(...values)
    this.#next.accepting.push(record)
    if (this.#next.accepting.length >= this.#large) this.flush()
    // Other requests add their records in the same phase of the event loop.
    if (this.#flushSet || this.#committing.length > 0) return
    this.#flushSet = true
    setImmediate(this.flush)
  }

  /** Adds the transition of a record to the next group. */
  change(kind: number, recordId: number, first: string | number = 0, second: string | number = 0): void {
    this.#next.group.transitions.push(kind, recordId, first, second)
    this.#flushLater()
  }

  /** Adds a record that is done to the next group. */
  done(recordId: number): void {
    this.#next.group.done.push(recordId)
    this.#flushLater()
  }

  #flushLater(): void {
    if (this.#flushSet || this.#committing.length > 0) return
    this.#timer ??= setTimeout(this.flush, transitionDelay)
  }

  /** Resolves when the note that a record runs is stored. */
  begin(recordId: number): Promise<void> {
    return new Promise((resolve) => {
      this.#next.beginning.push(resolve)
      this.change(transition.begin, recordId)
    })
  }

  readonly flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const others = this.#committing.length
    const isEnough = others === 0 ? this.#hasPending : this.#next.accepting.length >= this.#large
    if (others === mostCommitting[this.store] || !isEnough) return
    const pending = this.#next
    this.#next = this.#empty()
    this.#committing.push(pending)
    this.#send(pending.group)
  }

  #send(group: CommitGroup): void {
    // The refusal comes later: a caller that tries again and again must leave time for the server to come back.
    if (!this.#channel.up) return void setImmediate(() => this.refused('its thread has ended'))
    // The process stays until the group is stored.
    this.#channel.busy = true
    this.#channel.post(group)
  }

  /** The oldest group is stored. @param duplicates as in `FromServer` */
  committed(duplicates: readonly number[]): void {
    this.#large = Math.max(leastLarge, Math.ceil(this.#accepting / 2))
    const { accepting, beginning } = this.#committing.shift() ?? this.#empty()
    this.#retryDelay = firstRetry
    if (duplicates.length === 0) for (const record of accepting) record.stored()
    else {
      const existing = new Map<number, number>()
      for (let i = 0; i < duplicates.length; i += 2) existing.set(duplicates[i] as number, duplicates[i + 1] as number)
      for (const record of accepting) record.stored(existing.get(record.recordId))
    }
    for (const begin of beginning) begin()
    this.#goOn(transitionDelay)
  }

  /** The oldest group is not stored: its records are refused, its transitions are tried again. */
  refused(message: string): void {
    const { group, accepting, beginning } = this.#committing.shift() ?? this.#empty()
    const { group: next, accepting: waiting, beginning: later } = this.#next
    // Transitions of records that were refused with the group find no record.
    const transitions = group.transitions.concat(next.transitions)
    this.#next = {
      group: { ...next, transitions, done: group.done.concat(next.done) },
      accepting: waiting,
      beginning: beginning.concat(later),
    }
    this.#refuse(accepting, message)
    if (this.#closed !== undefined) return this.#giveUp(message)
    this.#goOn(this.#retryDelay)
    this.#retryDelay = Math.min(2 * this.#retryDelay, longestRetry)
  }

  /** The groups that were under way may be stored or not: records that are refused must not stay. */
  lost(message: string): void {
    for (const { accepting, group } of this.#committing) {
      for (const { recordId } of accepting) group.transitions.push(transition.withdraw, recordId, 0, 0)
    }
    for (let groups = Math.max(1, this.#committing.length); groups > 0; groups--) this.refused(message)
  }

  /** The number of records that wait to be accepted. */
  get #accepting(): number {
    return this.#committing.reduce((sum, { accepting }) => sum + accepting.length, this.#next.accepting.length)
  }

  #goOn(transitionsIn: number): void {
    if (this.#next.group.accepts.length > 0) this.flush()
    else if (this.#hasPending) this.#timer ??= setTimeout(this.flush, this.#idle === undefined ? transitionsIn : 0)
    else if (this.idle) this.#rest()
  }

  /** Accepts no further record. Resolves when all is stored, or can't be; another call tries the rest again. */
  async close(why: string): Promise<void> {
    this.#closed = why
    await this.flushed()
  }

  /** Resolves when all is stored; once the queue is closed, also if it can't be. */
  async flushed(): Promise<void> {
    this.flush()
    if (this.idle) return
    this.#idle ??= Promise.withResolvers()
    await this.#idle.promise
  }

  #giveUp(message: string): void {
    const { accepting, group } = this.#next
    this.#next = { ...this.#empty(), group: { ...group, accepts: [] } }
    this.#refuse(accepting, message)
    if (this.#committing.length === 0) this.#rest()
  }

  #rest(): void {
    this.#idle?.resolve()
    this.#idle = undefined
  }

  /** The ids of records whose transitions are not known to be stored. */
  get changing(): number[] {
    const idsOf = ({ transitions }: CommitGroup) =>
      transitions.filter((_value, i) => i % transitionWidth === 1) as number[]
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
    return [...this.#committing, this.#next].map(({ group }) => group)
  }

  /** No group is on its way. */
  get idle(): boolean {
    return this.#committing.length === 0 && !this.#hasPending
  }

  get #hasPending(): boolean {
    const { accepts, done, transitions } = this.#next.group
    return accepts.length > 0 || done.length > 0 || transitions.length > 0
  }

  #empty(): PendingGroup {
    return {
      group: { type: 'group', store: this.store, accepts: [], done: [], transitions: [] },
      accepting: [],
      beginning: [],
    }
  }

  #refuse(records: readonly StoredRecord[], message: string): void {
    for (const record of records) record.refused(new AfterwordError('AFTERWORD_JOURNAL_REFUSED', [message]))
  }
}
