import type { Claimer, Journal } from '../../task/record.ts'
import { notAnswered, storeWithdrawal } from '../../task/withdrawal.ts'
import type { FromServer } from '../protocol.ts'
import { Answers } from './answers.ts'
import type { Channel } from './channel.ts'
import type { Codec } from './codec.ts'

interface WithdrawingParts {
  readonly claimer: Claimer
  readonly channel: Channel
  readonly codec: Codec
  /** Resolves when the outcomes of records so far are stored. */
  flushed(): Promise<void>
}

/** The withdrawals of a client: what it asks its server for, and what other processes ask of it. */
export class Withdrawing {
  readonly #parts: WithdrawingParts
  readonly #answers = new Answers<boolean>()

  constructor(parts: WithdrawingParts) {
    this.#parts = parts
  }

  /** As in `Journal`. */
  async withdraw(of: Parameters<Journal['withdraw']>[0]): Promise<boolean> {
    const { channel, codec, flushed } = this.#parts
    if (typeof of === 'string' && Number.isNaN(codec.ids.recordIdOf(of))) return false
    const { number, answer } = this.#answers.expect()
    // The answer holds the process.
    channel.busy = true
    try {
      // The record may be on its way from the log to the database.
      await storeWithdrawal({ flushed })
    } catch (error) {
      this.#answers.take(number)?.reject(error)
      return answer
    }
    channel.busy = true
    channel.post({ type: 'withdraw', number, of: this.#stored(of) })
    return answer
  }

  /** The id of the record, or its job and, in JSON, the forms in which its unique key may be stored. */
  #stored(of: Parameters<Journal['withdraw']>[0]) {
    if (typeof of === 'string') return this.#parts.codec.ids.recordIdOf(of)
    const [stored, others] = this.#parts.codec.storedKey(of.job, of.key)
    return { job: of.job, keys: JSON.stringify([stored, ...JSON.parse(others ?? '[]')]) }
  }

  answered({ number, done }: FromServer & { type: 'withdrawn' }): void {
    const answered = this.#answers.take(number)
    if (done === undefined) answered?.reject(notAnswered('the process that has it did not answer'))
    else answered?.resolve(done)
  }

  /** Withdraws the records that wait in memory, or tells which run. The answer comes when that is stored: should this process die then, no other one runs them. */
  async asked({ records }: FromServer & { type: 'asked' }): Promise<void> {
    const { claimer, channel, flushed } = this.#parts
    const { idOf, recordIdOf } = this.#parts.codec.ids
    if (records === undefined) {
      // Those that an engine has given are none of the journal.
      const running = claimer.running().map(recordIdOf)
      return channel.post({ type: 'running', records: running.filter((recordId) => !Number.isNaN(recordId)) })
    }
    const found = records.map((recordId) => [recordId, claimer.withdraw(idOf(recordId))] as const)
    await flushed()
    channel.post({ type: 'found', records: found })
  }

  /** The server has died, and what it was asked for with it. */
  lost(): void {
    this.#answers.lost(() => notAnswered("the journal's thread has ended"))
  }

  /** Withdrawals wait for their answers. */
  get isWaiting(): boolean {
    return this.#answers.isWaiting
  }
}
