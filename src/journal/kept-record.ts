import type { AfterwordError } from '../errors.ts'
import type { Outcome } from '../outcome.ts'
import type { NotAdded, Record } from '../record.ts'
import { type Group, settle } from './group.ts'
import { idOf } from './key.ts'
import type { Pipeline } from './pipeline.ts'
import type { Places } from './places.ts'

interface KeptRecordOptions {
  /** What is to be stored; `undefined` for one that was handed out. */
  readonly values?: Group['accepts']
  readonly places?: Places | undefined
  /** Its process has died. */
  readonly orphan?: boolean
  readonly sealError?: ((error: string) => string) | undefined
}

/** A record as the thread of the requests knows it. */
export class KeptRecord implements Record {
  readonly key: number
  readonly #pipeline: Pipeline
  /** What is to be stored, until it is on its way. */
  #values: Group['accepts'] | undefined
  #state: 'accepting' | 'entered' | 'accepted' | AfterwordError
  /** The record that was there already. */
  #existing: number | undefined
  #isGone = false
  #accepted: PromiseWithResolvers<void> | undefined
  #onLost: ((why: NotAdded) => void) | undefined
  /** Where it takes a place: then it is not this process's for ever, but goes back to all where it is tried again. */
  readonly #places: Places | undefined
  readonly #orphan: boolean
  readonly #sealError: KeptRecordOptions['sealError']
  #begun = false
  #handedBack = false

  constructor(pipeline: Pipeline, key: number, { values, places, orphan = false, sealError }: KeptRecordOptions) {
    this.#pipeline = pipeline
    this.key = key
    this.#values = values
    this.#places = places
    this.#orphan = orphan
    this.#sealError = sealError
    this.#state = values === undefined ? 'accepted' : 'accepting'
  }

  get id(): string {
    return idOf(this.#existing ?? this.key)
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

  get isTaken(): boolean {
    return this.#places !== undefined
  }

  accept(lost: (why: NotAdded) => void): void {
    const values = this.#values
    this.#values = undefined
    this.#onLost = lost
    this.#places?.enter(this)
    if (values !== undefined) this.#pipeline.accept(this, values)
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
    this.#places?.leave(this)
    this.#onLost?.('refused')
  }

  begin(): Promise<void> | undefined {
    if (!this.#orphan) return undefined
    this.#begun = true
    // What was handed back meanwhile begins in another process, and not here.
    return this.#pipeline.begin(this.key).then(() => (this.#handedBack ? new Promise(() => {}) : undefined))
  }

  retry(attempt: number, delay: number): void {
    this.#begun = false
    this.#settle(this.isTaken ? settle.release : settle.retry, attempt, Math.ceil(delay))
    this.#places?.leave(this)
  }

  settle(outcome: Outcome, attempt: number): void {
    switch (outcome.status) {
      case 'failed': {
        const error = textOf(outcome.error)
        this.#settle(settle.failed, attempt, `failed\n${this.#sealError?.(error) ?? error}`)
        break
      }
      case 'timed-out':
        this.#settle(settle.failed, attempt, `timed-out\nafter ${outcome.after} ms`)
        break
      case 'done':
      case 'cancelled':
        if (this.#isKept) this.#pipeline.done(this.key)
    }
    // What asks for more now knows that this is still to be stored.
    this.#places?.leave(this)
  }

  /** Its process ends in order: that is no crash. */
  handBack(): void {
    this.#handedBack = true
    this.#settle(settle.back, this.#begun ? 1 : 0)
  }

  #settle(what: number, first?: string | number, second?: string | number): void {
    if (this.#isKept) this.#pipeline.settle(what, this.key, first, second)
  }

  /** What was never stored, or stands for another one, has nothing to settle. */
  get #isKept(): boolean {
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
