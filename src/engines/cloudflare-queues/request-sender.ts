import { clock, queueMicrotask } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { EngineSender, SenderOptions, SentRecord } from '../engine.ts'
import { outgoing } from './message-body.ts'
import { sendMessages } from './message-sender.ts'
import type { Outgoing } from './queue.ts'

interface OutgoingRecord extends Outgoing {
  readonly record: SentRecord
}

/**
 * Sends the calls of each request by themselves. On Workers no code of one request may wait for a promise or a timer of another one: calls
 * are gathered until the microtask that ends the code which runs now, and that is one request's.
 */
export class RequestSender implements EngineSender {
  readonly #options: SenderOptions
  /** The records that are neither stored nor refused, by the moment at which they were sent. */
  readonly #open = new Map<SentRecord, number>()
  #gathered: OutgoingRecord[] = []

  constructor(options: SenderOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  get lag(): number {
    const [since = clock.now()] = this.#open.values()
    return clock.now() - since
  }

  send(record: SentRecord): void {
    this.#open.set(record, clock.now())
    if (this.#gathered.push({ record, ...outgoing(record.call) }) === 1) queueMicrotask(this.#sendGathered)
  }

  async flushed(): Promise<void> {
    await Promise.all(Array.from(this.#open.keys(), ({ ready }) => ready))
  }

  close(): void {
    this.#refuse([...this.#open.keys()], 'the instance was closed')
  }

  readonly #sendGathered = (): void => {
    const { client, host, holdTimeout } = this.#options
    const messages = this.#gathered
    this.#gathered = []
    void sendMessages(messages, {
      send: (group) => client.add(group.map(({ record }) => record.call)),
      deadline: clock.now() + holdTimeout,
      watch: host,
      settled: (group, trouble) => {
        const records = group.map(({ record }) => record)
        if (trouble === undefined) this.#stored(records)
        else this.#refuse(records, trouble)
      },
    })
  }

  #stored(records: readonly SentRecord[]): void {
    for (const record of records) if (this.#open.delete(record)) record.stored(record.call.id)
  }

  #refuse(records: readonly SentRecord[], trouble: string): void {
    const { name, holdTimeout } = this.#options
    const refused = records.filter((record) => this.#open.delete(record))
    if (refused.length === 0) return
    const error = new AfterwordError('AFTERWORD_ENGINE_REFUSED', [name, holdTimeout, trouble])
    for (const record of refused) record.refused(error)
    report(error)
  }
}
