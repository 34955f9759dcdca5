import { clearTimeout, setTimeout } from '../../clock.ts'
import type { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { Claim, Claimer } from '../../task/record.ts'
import type { ClaimedRow, FromServer, ToServer } from '../protocol.ts'
import type { Codec } from './codec.ts'
import { StoredRecord } from './stored-record.ts'
import type { WriteQueue } from './write-queue.ts'

/** The most records that are asked for at once: they come in one message. */
const mostAtOnce = 1000
/** The time in ms for which room for a few claims waits for more room. */
const longestWait = 10

/** The claims of this process: the records that it has claimed, how many it has room for, and when it asks for more. */
export class Claims {
  /** The most claims that the process has at once. */
  concurrency = 1
  readonly #ask: (claim: ToServer & { type: 'claim' }) => void
  readonly #claimer: Claimer
  readonly #claimed = new Set<StoredRecord>()
  #asking = false
  /** More shared records are due than there was room for. */
  #behind = false
  /** The jobs with records that are due, and that had no room. */
  #full: readonly string[] = []
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(ask: (claim: ToServer & { type: 'claim' }) => void, claimer: Claimer) {
    this.#ask = ask
    this.#claimer = claimer
  }

  add(record: StoredRecord): void {
    this.#claimed.add(record)
  }

  remove(record: StoredRecord): void {
    if (this.#claimed.delete(record)) this.fill()
  }

  /** Makes the claim of a record; `undefined` for one that can't be read, and is listed as failed. */
  claimOf(row: ClaimedRow, queue: WriteQueue, codec: Codec): Claim | undefined {
    const { recordId, orphaned, job, version, attempt } = row
    const of = { claims: this, orphaned, codec, job }
    try {
      const { args, encodedArgs, options, notes } = codec.decode(row)
      const record = new StoredRecord(queue, recordId, { ...of, bound: options, notes })
      this.add(record)
      const { response, expiresAt, key: uniqueKey } = notes
      const call = { record, job, version, attempt, isRecovered: orphaned, args, encodedArgs, options }
      return { ...call, response, expiresAt, uniqueKey }
    } catch (error) {
      const record = new StoredRecord(queue, recordId, of)
      this.add(record)
      record.finish({ status: 'failed', error }, attempt)
      report(error as AfterwordError)
      return undefined
    }
  }

  /** There is room for one more claim of a job, and no record waits for it. */
  hasRoom(job: string): boolean {
    if (this.#behind || this.#stopped || this.#claimed.size >= this.concurrency) return false
    return !this.#full.includes(job) && this.#claimer.roomFor(job) > 0
  }

  /** The process claims nothing any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The process has no claim. */
  get isEmpty(): boolean {
    return this.#claimed.size === 0
  }

  /** The ids of the claimed records. */
  get recordIds(): number[] {
    return Array.from(this.#claimed, ({ recordId }) => recordId)
  }

  /** Some record is claimable. Where there is no room for it, it is the next one: no new call goes ahead. */
  claimable(): void {
    if (this.#claimed.size >= this.concurrency) this.#behind = true
    this.fill()
  }

  /** Asks for as many records as there is room for. */
  fill(): void {
    const most = this.concurrency - this.#claimed.size
    // A question for each record would cost more than the record. But some claims may run for long: room for a few does not wait for them.
    if (most >= this.concurrency / 2) this.#fillNow()
    else if (most > 0) this.#timer ??= setTimeout(this.#fillNow, longestWait).unref()
  }

  readonly #fillNow = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#asking || this.#stopped) return
    const most = this.concurrency - this.#claimed.size
    if (most <= 0) return
    this.#asking = true
    this.#ask({ type: 'claim', most: Math.min(most, mostAtOnce), rooms: this.#claimer.rooms() })
  }

  /** The server has answered. */
  filled({ behind, full }: FromServer & { type: 'claimed' }): void {
    this.#asking = false
    this.#full = full
    this.#behind = behind
  }

  /** The claims of the answer are taken: asks again when a job has room whose records are due. */
  taken(): void {
    for (const job of this.#full) this.#claimer.whenRoom(job, this.#fillSoon)
  }

  readonly #fillSoon = (): void => {
    if (!this.#stopped) this.fill()
  }

  /** The server has died: no answer comes. */
  restart(): void {
    this.#asking = false
  }

  /** Asks for no record any more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Hands the claims back, but for those that run. */
  close(running: ReadonlySet<StoredRecord>): void {
    this.stop()
    for (const record of this.#claimed) {
      if (running.has(record)) continue
      record.handBack()
      this.#claimed.delete(record)
    }
  }
}
