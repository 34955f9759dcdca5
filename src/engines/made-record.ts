import type { AfterwordError } from '../errors.ts'
import type { NotAdded } from '../task/outcome.ts'
import type { JobRecord } from '../task/record.ts'
import type { EngineCall, EngineSender, SentRecord } from './engine.ts'

/**
 * A record that this process has made, and that the engine is to keep. It is sent once something waits for it: the barrier of its response,
 * the caller of `dispatch`, or its turn where there is no response. Until then no worker can run it, so that no job runs before its response.
 */
export class MadeRecord implements JobRecord, SentRecord {
  readonly isShared = true
  readonly isClaim = false
  readonly call: EngineCall
  readonly #sender: EngineSender
  #state: 'made' | 'sent' | 'withdrawn' | 'accepted' | AfterwordError = 'made'
  #existing: string | undefined
  #accepted: PromiseWithResolvers<void> | undefined
  #onRejected: ((why: NotAdded) => void) | undefined

  constructor(call: EngineCall, sender: EngineSender) {
    this.call = call
    this.#sender = sender
  }

  get id(): string {
    return this.#existing ?? this.call.id
  }

  get hasLeft(): boolean {
    return this.#state !== 'made'
  }

  get isAccepted(): boolean {
    return this.#state === 'accepted' || this.#state === 'withdrawn'
  }

  get refusal(): AfterwordError | undefined {
    return typeof this.#state === 'object' ? this.#state : undefined
  }

  get accepted(): Promise<void> {
    if (this.isAccepted) return Promise.resolve()
    if (typeof this.#state === 'object') return Promise.reject(this.#state)
    this.#accepted ??= Promise.withResolvers()
    if (this.#state === 'made') {
      this.#state = 'sent'
      this.#sender.send(this)
    }
    return this.#accepted.promise
  }

  get entered(): Promise<void> {
    return this.accepted
  }

  get ready(): Promise<void> | undefined {
    if (this.isAccepted || this.refusal !== undefined) return undefined
    return this.accepted.catch(() => {})
  }

  submit(onRejected: (why: NotAdded) => void): void {
    this.#onRejected = onRejected
  }

  stored(id: string): void {
    this.#state = 'accepted'
    if (id !== this.call.id) {
      this.#existing = id
      this.#onRejected?.('duplicate')
    }
    this.#onRejected = undefined
    this.#accepted?.resolve()
  }

  refused(error: AfterwordError): void {
    this.#state = error
    this.#accepted?.reject(error)
    // A caller need not wait for the promise.
    this.#accepted?.promise.catch(() => {})
    this.#onRejected?.('refused')
    this.#onRejected = undefined
  }

  // A worker runs the record, this process or another one: nothing becomes of it here.
  markStarted(): undefined {}
  handBackEarly(): boolean {
    return false
  }
  noteResponse(): void {}
  retry(): void {}
  /** The task of the record was cancelled before it was sent. */
  finish(): void {
    if (!this.hasLeft) this.#state = 'withdrawn'
  }
}
