import { AfterwordError } from '../../errors.ts'
import type { FromServer } from '../protocol.ts'
import type { Channel } from './channel.ts'

/** The pauses that a client asks its server for. */
export class Pausing {
  readonly #channel: Channel
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>()
  #number = 0

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** As in `Journal`. */
  async pause(job: string, isPaused: boolean): Promise<void> {
    await this.#channel.ready()
    const number = ++this.#number
    const stored = Promise.withResolvers<void>()
    this.#waiting.set(number, stored)
    // The answer holds the process.
    this.#channel.busy = true
    this.#channel.post({ type: 'pause', number, job, isPaused })
    return stored.promise
  }

  answered({ number, isStored }: FromServer & { type: 'pause-stored' }): void {
    const stored = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (isStored) stored?.resolve()
    else stored?.reject(new AfterwordError('AFTERWORD_NOT_PAUSED', ['its database can not be written to']))
  }

  /** The server has died, and what it was asked for with it. */
  lost(): void {
    for (const { reject } of this.#waiting.values())
      reject(new AfterwordError('AFTERWORD_NOT_PAUSED', ['its thread has ended']))
    this.#waiting.clear()
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0
  }
}
