import type { AfterwordError } from '../../errors.ts'
import type { NotAdded, Outcome } from '../../task/outcome.ts'
import type { JobRecord } from '../../task/record.ts'
import { idOf } from '../files/record-id.ts'
import { type CommitGroup, transition } from '../protocol.ts'
import type { Claims } from './claims.ts'
import type { WriteQueue } from './write-queue.ts'

interface StoredRecordOptions {
  /** What is to be stored; `undefined` for one that was handed out. */
  readonly values?: CommitGroup['accepts']
  readonly claims?: Claims | undefined
  /** Its process has died. */
  readonly orphaned?: boolean
  readonly encryptError?: ((error: string) => string) | undefined
}

/** A record as the thread of the requests knows it. */
export class StoredRecord implements JobRecord {
  readonly recordId: number
  readonly #queue: WriteQueue
  /** What is to be stored, until it is on its way. */
  #values: CommitGroup['accepts'] | undefined
  #state: 'accepting' | 'entered' | 'accepted' | AfterwordError
  /** The record that was there already. */
  #existing: number | undefined
  #isGone = false
  #accepted: PromiseWithResolvers<void> | undefined
  #onLost: ((why: NotAdded) => void) | undefined
  /** Where it takes a place: then it is not this process's for ever, but goes back to all where it is tried again. */
  readonly #claims: Claims | undefined
  readonly #orphaned: boolean
  readonly #encryptError: StoredRecordOptions['encryptError']
  #begun = false
  #handedBack = false

  constructor(
    pipeline: WriteQueue,
    key: number,
    { values, claims: places, orphaned: orphan = false, encryptError: sealError }: StoredRecordOptions,
  ) {
    this.#queue = pipeline
    this.recordId = key
    this.#values = values
    this.#claims = places
    this.#orphaned = orphan
    this.#encryptError = sealError
    this.#state = values === undefined ? 'accepted' : 'accepting'
  }

  get id(): string {
    return idOf(this.#existing ?? this.recordId)
  }

  get isAccepted(): boolean {
    return this.#state === 'accepted'
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

  get isClaim(): boolean {
    return this.#claims !== undefined
  }

  submit(lost: (why: NotAdded) => void): void {
    const values = this.#values
    this.#values = undefined
    this.#onLost = lost
    this.#claims?.add(this)
    if (values !== undefined) this.#queue.accept(this, values)
  }

  /** It is stored in a transaction that is open. */
  enter(): void {
    this.#state = 'entered'
  }

  /** @param existing the key of the record that stands for it already */
  stored(existing?: number): void {
    this.#state = 'accepted'
    this.#existing = existing
    if (existing !== undefined) this.#onLost?.('duplicate')
    this.#onLost = undefined
    this.#accepted?.resolve()
  }

  /** The transaction that it was part of was rolled back, and so was the record. */
  rolledBack(): void {
    this.#state = 'accepted'
    this.#isGone = true
    this.#onLost?.('rolled-back')
    this.#accepted?.resolve()
  }

  refused(error: AfterwordError): void {
    this.#state = error
    this.#accepted?.reject(error)
    // Nobody may be waiting for that any more.
    this.#accepted?.promise.catch(() => {})
    this.#claims?.remove(this)
    this.#onLost?.('refused')
  }

  markStarted(): Promise<void> | undefined {
    if (!this.#orphaned) return undefined
    this.#begun = true
    // What was handed back meanwhile begins in another process, and not here.
    return this.#queue.begin(this.recordId).then(() => (this.#handedBack ? new Promise(() => {}) : undefined))
  }

  retry(attempt: number, delay: number): void {
    this.#begun = false
    this.#settle(this.isClaim ? transition.release : transition.retry, attempt, Math.ceil(delay))
    this.#claims?.remove(this)
  }

  finish(outcome: Outcome, attempt: number): void {
    switch (outcome.status) {
      case 'failed': {
        const error = textOf(outcome.error)
        this.#settle(transition.failed, attempt, `failed\n${this.#encryptError?.(error) ?? error}`)
        break
      }
      case 'timed-out':
        this.#settle(transition.failed, attempt, `timed-out\nafter ${outcome.after} ms`)
        break
      case 'done':
      case 'cancelled':
        if (this.#isStored) this.#queue.done(this.recordId)
    }
    // What asks for more now knows that this is still to be stored.
    this.#claims?.remove(this)
  }

  /** Its process ends in order: that is no crash. */
  handBack(): void {
    this.#handedBack = true
    this.#settle(transition.back, this.#begun ? 1 : 0)
  }

  #settle(what: number, first?: string | number, second?: string | number): void {
    if (this.#isStored) this.#queue.change(what, this.recordId, first, second)
  }

  /** What was never stored, or stands for another one, has nothing to settle. */
  get #isStored(): boolean {
    return typeof this.#state !== 'object' && this.#existing === undefined && !this.#isGone
  }
}

/** So many causes are listed of causes: they may go round in a circle. */
const deepestCause = 8

/** An error as it is listed later, with its causes. */
function textOf(error: unknown, depth = 0): string {
  try {
    if (!(error instanceof Error)) return String(error)
    const text = error.stack ?? error.message
    return error.cause === undefined || depth === deepestCause
      ? text
      : `${text}\ncaused by ${textOf(error.cause, depth + 1)}`
  } catch {
    return 'an error that can not be read'
  }
}
