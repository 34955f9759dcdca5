import { clock } from '../../clock.ts'
import type { Host } from '../../task/response.ts'
import type { Ending, EngineClaim } from '../engine.ts'
import type { MessageBody } from './message-body.ts'
import type { Message } from './queue.ts'

interface DeliveryOptions {
  readonly message: Message
  readonly call: MessageBody
  /** The moment by `performance.now()` at which the invocation ends its runs. */
  readonly deadline: number
  /** Resolves when the invocation has told the queue what became of its messages. */
  readonly over: Promise<void>
  /** Makes the invocation wait for work. */
  readonly track: (work: Promise<unknown>) => void
}

/** A call that a batch has delivered: a claim for one invocation of the consumer. */
export class DeliveredCall implements EngineClaim {
  readonly message: Message
  readonly call: MessageBody
  readonly host: Host
  /** Resolves when the run has its ending. */
  readonly ended: Promise<void>
  ending: Ending | undefined
  /** All calls that the run has deferred or dispatched are kept. */
  isWhole = true
  #endedAt = 0
  readonly #end: () => void
  readonly #handedBack = Promise.withResolvers<void>()
  readonly #over: Promise<void>

  constructor({ message, call, deadline, over, track }: DeliveryOptions) {
    this.message = message
    this.call = call
    this.#over = over
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = resolve
    const waitUntil = (work: Promise<void>) => {
      const ended = work.catch(() => void (this.isWhole = false))
      // A run that was handed back goes on, and another one takes its place.
      track(Promise.race([ended, this.#handedBack.promise]))
    }
    this.host = { deadline, waitUntil }
  }

  get id(): string {
    return this.call.id
  }
  get job(): string {
    return this.call.job
  }
  get version(): number {
    return this.call.version
  }
  get args(): string {
    return this.call.args
  }
  get options(): string | undefined {
    return this.call.options
  }
  get expiresAt(): number | undefined {
    return this.call.expiresAt
  }
  get attempt(): number {
    return this.call.attempt
  }

  /** Each delivery but the first follows one of whose end the queue has not heard. */
  get crashes(): number {
    return this.message.attempts - 1
  }

  settle(ending: Ending): Promise<void> {
    this.ending = ending
    this.#endedAt = clock.now()
    this.#end()
    if (ending.type === 'handed-back') this.#handedBack.resolve()
    return this.#over
  }

  /** The time in ms until the next run of a call that is tried again. */
  get delay(): number {
    if (this.ending?.type !== 'retried') return 0
    return Math.max(0, this.#endedAt + this.ending.delay - clock.now())
  }
}
