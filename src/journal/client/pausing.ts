import { AfterwordError } from '../../errors.ts'
import type { FromServer } from '../protocol.ts'
import { Answers } from './answers.ts'
import type { Channel } from './channel.ts'

/** Makes the error for a job whose pause could not be stored, or ended. */
export function notPaused(why: string): AfterwordError {
  return new AfterwordError('AFTERWORD_NOT_PAUSED', [
    why,
    'Try again, and look for a full disk or a file that is read-only.',
  ])
}

/** The pauses that a client asks its server for. */
export class Pausing {
  readonly #channel: Channel
  readonly #answers = new Answers<void>()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** As in `Journal`. */
  async pause(job: string, isPaused: boolean): Promise<void> {
    await this.#channel.ready()
    const { number, answer } = this.#answers.expect()
    // The answer holds the process.
    this.#channel.busy = true
    this.#channel.post({ type: 'pause', number, job, isPaused })
    return answer
  }

  answered({ number, isStored }: FromServer & { type: 'pause-stored' }): void {
    const stored = this.#answers.take(number)
    if (isStored) stored?.resolve()
    else stored?.reject(notPaused('the database of the journal can not be written to'))
  }

  /** The server has died, and what it was asked for with it. */
  lost(): void {
    this.#answers.lost(() => notPaused('the thread of the journal has ended'))
  }

  get isWaiting(): boolean {
    return this.#answers.isWaiting
  }
}
