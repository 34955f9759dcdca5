import { AfterwordError } from '../../errors.ts'
import { type CommitGroup, type Store, type Transition, transition, transitionWidth } from '../protocol.ts'
import type { StoredRecord } from './stored-record.ts'

/** How long settles may wait for accepts to ride along with, in ms. */
const transitionDelay = 1
/** After how many ms settles that could not be stored are tried again: at first, and at most. */
const firstRetry = 100
const longestRetry = 5000

/**
 * How many groups of a place may be on their way: while the journal's thread commits one, this one gathers the next and answers for the one
 * before. What is shared may have to wait for another process, and goes one by one: it stays in its order.
 */
const mostCommitting = { own: 2, shared: 1 } as const
/** A second group has at least so many records: waking the thread costs more than they would wait. */
const leastLarge = 32

/** What is to be committed at once, and who waits for it: records to be accepted, and runs to begin. */
interface PendingGroup {
  readonly group: CommitGroup
  readonly accepting: StoredRecord[]
  readonly beginning: (() => void)[]
}

/** Groups on their way to one place: while some are being committed, the next one gathers. */
export class WriteQueue {
  readonly store: Store
  readonly #post: (group: CommitGroup) => void
  #next: PendingGroup
  readonly #committing: PendingGroup[] = []
  /**
   * So many records are not kept waiting for the group before theirs: half of those that are there. So one half is committed while the
   * other one is gathered and answered for, however many there are.
   */
  #large = leastLarge
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  #retryDelay = firstRetry
  /** Why nothing is taken any more. */
  #closed: string | undefined
  #idle: PromiseWithResolvers<void> | undefined

  constructor(store: Store, post: (group: CommitGroup) => void) {
    this.store = store
    this.#post = post
    this.#next = this.#empty()
  }

  /** Adds a record to the next group. */
  accept(record: StoredRecord, values: CommitGroup['accepts']): void {
    if (this.#closed !== undefined) return this.#refuse([record], this.#closed)
    this.#next.group.accepts.push(...values)
    this.#next.accepting.push(record)
    if (this.#next.accepting.length >= this.#large) this.flush()
    // The phase of the event loop gathers what other requests accept.
    if (this.#flushSet || this.#committing.length > 0) return
    this.#flushSet = true
    setImmediate(this.flush)
  }

  /** Adds what became of a record to the next group. */
  change(what: number, key: number, first: string | number = 0, second: string | number = 0): void {
    this.#next.group.transitions.push(what, key, first, second)
    this.#flushLater()
  }

  /** Adds that a record is done to the next group. */
  done(key: number): void {
    this.#next.group.done.push(key)
    this.#flushLater()
  }

  #flushLater(): void {
    if (this.#flushSet || this.#committing.length > 0) return
    this.#timer ??= setTimeout(this.flush, transitionDelay)
  }

  /** Resolves when it is stored that the record runs. */
  begin(key: number): Promise<void> {
    return new Promise((resolve) => {
      this.#next.beginning.push(resolve)
      this.change(transition.begin, key)
    })
  }

  readonly flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const others = this.#committing.length
    const isEnough = others === 0 ? this.#hasPending : this.#next.accepting.length >= this.#large
    if (others === mostCommitting[this.store] || !isEnough) return
    const gathered = this.#next
    this.#next = this.#empty()
    this.#committing.push(gathered)
    this.#post(gathered.group)
  }

  /** @param duplicates see `FromKeeper` */
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

  /** Nothing of the group is stored: who waits for a record is told, what became of others is tried again. */
  refused(message: string): void {
    const { group, accepting, beginning } = this.#committing.shift() ?? this.#empty()
    const { group: next, accepting: waiting, beginning: later } = this.#next
    // Settles of records that were refused with it find nothing to settle.
    const settles = group.transitions.concat(next.transitions)
    this.#next = {
      group: { ...next, transitions: settles, done: group.done.concat(next.done) },
      accepting: waiting,
      beginning: beginning.concat(later),
    }
    this.#refuse(accepting, message)
    if (this.#closed !== undefined) return this.#giveUp(message)
    this.#goOn(this.#retryDelay)
    this.#retryDelay = Math.min(2 * this.#retryDelay, longestRetry)
  }

  /** What was under way may be stored or not: what nobody waits for any more must not stay. */
  lost(message: string): void {
    for (const { accepting, group } of this.#committing) {
      for (const { recordId: key } of accepting) group.transitions.push(transition.withdraw, key, 0, 0)
    }
    for (let groups = Math.max(1, this.#committing.length); groups > 0; groups--) this.refused(message)
  }

  /** How many records wait to be accepted. */
  get #accepting(): number {
    return this.#committing.reduce((sum, { accepting }) => sum + accepting.length, this.#next.accepting.length)
  }

  #goOn(settlesIn: number): void {
    if (this.#next.group.accepts.length > 0) this.flush()
    else if (this.#hasPending) this.#timer ??= setTimeout(this.flush, this.#idle === undefined ? settlesIn : 0)
    else if (this.idle) this.#rest()
  }

  /** Takes no further record; resolves when what was gathered is stored, or can't be: what is left then is tried again by another call. */
  async close(why: string): Promise<void> {
    this.#closed = why
    await this.flushed()
  }

  /** Resolves when what was gathered is stored; once it is closed, also if it can't be. */
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

  /** The keys of the records whose settles are not known to be stored. */
  get changing(): number[] {
    const keysOf = ({ transitions: settles }: CommitGroup) =>
      settles.filter((_value, i) => i % transitionWidth === 1) as number[]
    return this.#groups.flatMap((group) => [...group.done, ...keysOf(group)])
  }

  /** The record has ended, which is not stored yet; with what is to be stored if it has failed. */
  protected endOf(key: number): { readonly failed?: Transition } | undefined {
    for (const { done, transitions: settles } of this.#groups) {
      if (done.includes(key)) return {}
      for (let i = 0; i < settles.length; i += transitionWidth) {
        if (settles[i] === transition.failed && settles[i + 1] === key)
          return { failed: settles.slice(i, i + transitionWidth) }
      }
    }
    return undefined
  }

  get #groups(): CommitGroup[] {
    return [...this.#committing, this.#next].map(({ group }) => group)
  }

  /** Nothing is on its way. */
  get idle(): boolean {
    return this.#committing.length === 0 && !this.#hasPending
  }

  get #hasPending(): boolean {
    const { accepts, done, transitions: settles } = this.#next.group
    return accepts.length > 0 || done.length > 0 || settles.length > 0
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
