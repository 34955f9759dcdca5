import type { AfterwordError } from '../../errors.ts'
import type { BoundOptions } from '../../options/task-options.ts'
import type { SentResponse } from '../../sent-response.ts'
import { type NotAdded, type Outcome, troubleText } from '../../task/outcome.ts'
import type { JobRecord } from '../../task/record.ts'
import type { RecordRow } from '../files/log-format.ts'
import type { Notes } from '../format/notes.ts'
import { transition } from '../protocol.ts'
import type { Claims } from './claims.ts'
import type { Codec } from './codec.ts'
import type { Segment } from './log-file.ts'
import type { ChangeQueue, RecordQueue } from './record-queue.ts'
import type { WriteQueue } from './write-queue.ts'

interface StoredRecordOptions {
  /** The values to store, and where; `undefined` for a claim, which is stored already. */
  readonly added?: { readonly row: RecordRow; readonly accepting: RecordQueue }
  /** In JSON, the other forms in which a process with other keys may have stored the unique key. They may be readable: no file has them. */
  readonly otherKeys?: string | null
  /** The queue of the database to which the record is forwarded from the log, before it may run. */
  readonly forward?: WriteQueue | undefined
  readonly claims?: Claims | undefined
  /** The process that had the record before has died. */
  readonly orphaned?: boolean
  readonly codec: Codec
  readonly job: string
  /** The options that are bound to the call. */
  readonly bound?: BoundOptions | undefined
  readonly isShared?: boolean
  readonly notes?: Notes | undefined
}

/** A stored record, as the thread of the requests knows it. */
export class StoredRecord implements JobRecord {
  readonly recordId: number
  /** The segment of the log that has the record, while the log answers for it. */
  segment: Segment | undefined
  /** The neighbours among the records of the segment. */
  older: StoredRecord | undefined
  newer: StoredRecord | undefined
  /** The offset of the record's frame in the log. */
  offset = 0
  /** The record is on its way from the log to a database. */
  leavesLog = false
  /** The attempt, the moment by `Date.now()` and the delay in ms of a record in the log that is tried again. */
  retried: readonly [attempt: number, runAt: number, delay: number] | undefined
  readonly otherKeys: string | null
  /** The database to which the record is forwarded. */
  readonly forward: WriteQueue | undefined
  #queue: ChangeQueue
  /** The values to store, until they are on their way. */
  #added: StoredRecordOptions['added'] | undefined
  #state: 'accepting' | 'entered' | 'accepted' | AfterwordError
  #isForwarded: boolean
  /** The id of the earlier record with the same unique key, which stands for this one. */
  #existing: number | undefined
  #isGone = false
  #accepted: PromiseWithResolvers<void> | undefined
  #ready: PromiseWithResolvers<void> | undefined
  #left: PromiseWithResolvers<void> | undefined
  #onRejected: ((why: NotAdded) => void) | undefined
  /** The claims, if the record is one of them: then it goes back to all workers when it is tried again. */
  readonly #claims: Claims | undefined
  readonly #orphaned: boolean
  readonly isShared: boolean
  readonly #codec: Codec
  readonly #job: string
  readonly #bound: BoundOptions | undefined
  #notes: Notes | undefined
  /** The stored form of the options and notes, if it has changed since the record was accepted or claimed. */
  options: string | undefined
  #handedBack = false
  /** The record was made elsewhere, or before, and is claimed. */
  readonly #isTaken: boolean

  constructor(
    queue: ChangeQueue,
    recordId: number,
    {
      added,
      otherKeys = null,
      forward,
      claims,
      orphaned = false,
      isShared = false,
      codec,
      job,
      bound,
      notes,
    }: StoredRecordOptions,
  ) {
    this.#queue = queue
    this.recordId = recordId
    this.otherKeys = otherKeys
    this.forward = forward
    this.#added = added
    this.#claims = claims
    this.#orphaned = orphaned
    this.isShared = isShared
    this.#codec = codec
    this.#job = job
    this.#bound = bound
    this.#notes = notes
    this.#isTaken = added === undefined
    this.#state = added === undefined ? 'accepted' : 'accepting'
    this.#isForwarded = forward === undefined
  }

  get id(): string {
    return this.#codec.ids.idOf(this.#existing ?? this.recordId)
  }

  get isAccepted(): boolean {
    return this.#state === 'accepted'
  }

  get refusal(): AfterwordError | undefined {
    return typeof this.#state === 'object' ? this.#state : undefined
  }

  get accepted(): Promise<void> {
    if (this.#state === 'accepted') return Promise.resolve()
    if (typeof this.#state === 'object') return Promise.reject(this.#state)
    this.#accepted ??= Promise.withResolvers()
    return this.#accepted.promise
  }

  get entered(): Promise<void> {
    return this.#state === 'entered' ? Promise.resolve() : this.accepted
  }

  get ready(): Promise<void> | undefined {
    if (this.#state === 'accepted' && this.#isForwarded) return undefined
    if (this.refusal !== undefined) return undefined
    this.#ready ??= Promise.withResolvers()
    return this.#ready.promise
  }

  get hasLeft(): boolean {
    return this.isShared
  }

  get isClaim(): boolean {
    return this.#claims !== undefined
  }

  submit(onRejected: (why: NotAdded) => void): void {
    const added = this.#added
    this.#added = undefined
    this.#onRejected = onRejected
    this.#claims?.add(this)
    added?.accepting.accept(this, added.row)
  }

  /** The record is stored in a transaction of the app that is open. */
  enter(): void {
    this.#state = 'entered'
  }

  /** The record is where its durability promises. */
  stored(): void {
    this.#state = 'accepted'
    this.#accepted?.resolve()
    if (this.#isForwarded) this.#markReady()
  }

  /** The record is in the database where it runs. @param existing the id of the record that stands for it already */
  forwarded(existing?: number): void {
    this.#isForwarded = true
    this.#existing = existing
    if (existing !== undefined) this.#onRejected?.('duplicate')
    if (this.#state === 'accepted') this.#markReady()
  }

  #markReady(): void {
    this.#onRejected = undefined
    this.#ready?.resolve()
    this.#ready = undefined
  }

  /** The log does not answer for the record any more. */
  leaveSegment(): void {
    this.segment?.records.delete(this)
    this.segment = undefined
  }

  /** From now on the changes of the record are stored in a database, and no longer in the log. */
  leaveLog(queue: ChangeQueue): void {
    this.leavesLog = true
    this.#queue = queue
  }

  /** The app has rolled its transaction back, and the record with it. */
  rolledBack(): void {
    this.#state = 'accepted'
    this.#isGone = true
    this.#onRejected?.('rolled-back')
    this.#accepted?.resolve()
    this.#markReady()
  }

  refused(error: AfterwordError): void {
    this.#state = error
    this.#accepted?.reject(error)
    // A caller need not wait for the promise.
    this.#accepted?.promise.catch(() => {})
    this.#claims?.remove(this)
    this.#onRejected?.('refused')
    this.#markReady()
  }

  markStarted(): Promise<void> | undefined {
    if (!this.#orphaned) return undefined
    // A record that was handed back meanwhile begins in another process, and not here.
    return this.#queue.begin(this).then(() => (this.#handedBack ? new Promise(() => {}) : undefined))
  }

  /** The record is one of those queues. */
  isIn(queues: readonly ChangeQueue[]): boolean {
    return queues.includes(this.#queue)
  }

  /** Resolves when the record has left the memory of this process. */
  get left(): Promise<void> {
    this.#left ??= Promise.withResolvers()
    return this.#left.promise
  }

  /** The outcome of the record can't be stored any more. */
  abandon(): void {
    this.#isGone = true
  }

  noteResponse(response: SentResponse): void {
    this.#note({ ...this.#notes, response })
  }

  retry(attempt: number, delay: number, outcome: Outcome): void {
    this.#note({ ...this.#notes, error: troubleText(outcome) })
    this.#change(this.isClaim ? transition.release : transition.retry, attempt, Math.ceil(delay))
    this.#claims?.remove(this)
    this.#left?.resolve()
  }

  finish(outcome: Outcome, attempt: number, uniqueFor = 0): void {
    switch (outcome.status) {
      case 'failed': {
        const error = this.#codec.encodeError(troubleText(outcome), this.#job, this.recordId)
        this.#change(transition.failed, attempt, `failed\n${error}`)
        break
      }
      case 'timed-out':
        this.#change(transition.failed, attempt, `timed-out\n${troubleText(outcome)}`)
        break
      case 'done':
        if (uniqueFor > 0) this.#change(transition.doneWithKey, uniqueFor)
        else if (this.#isStored) this.#queue.done(this)
        break
      case 'cancelled':
        if (this.#isStored) this.#queue.done(this)
    }
    this.#claims?.remove(this)
    this.#left?.resolve()
  }

  handBackEarly(): boolean {
    // The files of a slot are this process's until it ends.
    if (!this.#isTaken || this.#queue.store !== 'shared') return false
    this.handBack()
    this.#claims?.remove(this)
    return true
  }

  /** The process ends in order, which is no crash. */
  handBack(): void {
    this.#handedBack = true
    this.#change(transition.handBack)
  }

  #note(notes: Notes): void {
    this.#notes = notes
    this.options = this.#codec.encodeOptions(this.#bound, notes, this.#job, this.recordId) ?? undefined
    this.#change(transition.options, this.options)
  }

  #change(kind: number, first?: string | number, second?: string | number): void {
    if (this.#isStored) this.#queue.change(this, kind, first, second)
  }

  /** A record that was never stored, or for which another one stands, has no transitions. */
  get #isStored(): boolean {
    return typeof this.#state !== 'object' && this.#existing === undefined && !this.#isGone
  }
}
