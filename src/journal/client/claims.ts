import type { FromServer } from '../protocol.ts'
import type { StoredRecord } from './stored-record.ts'

/** So many records are asked for at once: they come in one message. */
const mostAtOnce = 1000
/** For how many ms a few free places wait for more to become free. */
const longestGathering = 10

/** What this process has taken of all that any process could run: how much there is room for, and when to ask for more. */
export class Claims {
  /** How many there are. */
  concurrency = 1
  readonly #ask: (most: number, alone: boolean) => void
  /** Nothing is on its way to be stored. */
  readonly #isIdle: () => boolean
  readonly #claimed = new Set<StoredRecord>()
  #asking = false
  /** What was handed out last may end the process: nothing follows it until its outcome is stored. */
  #careful = false
  /** Some wait that may end a process. */
  #suspects = false
  /** More is due than there is room for. */
  #behind = false
  #timer: NodeJS.Timeout | undefined
  #resting = false

  constructor(ask: (most: number, alone: boolean) => void, isIdle: () => boolean) {
    this.#ask = ask
    this.#isIdle = isIdle
  }

  add(record: StoredRecord): void {
    this.#claimed.add(record)
  }

  remove(record: StoredRecord): void {
    if (this.#claimed.delete(record)) this.fill()
  }

  /** There is room, and nobody waits for it. */
  get free(): boolean {
    return !this.#behind && !this.#resting && this.#claimed.size < this.concurrency
  }

  /** Nothing is taken any more. */
  get stopped(): boolean {
    return this.#resting
  }

  /** Of the records that it has. */
  get recordIds(): number[] {
    return Array.from(this.#claimed, ({ recordId: key }) => key)
  }

  /** Asks for as many records as there are places for. */
  fill(): void {
    const most = this.concurrency - this.#claimed.size
    // In pages: one question for each record would cost more than the record. But some may go on for long.
    if (most >= this.concurrency / 2) this.#fillNow()
    else if (most > 0) this.#timer ??= setTimeout(this.#fillNow, longestGathering).unref()
  }

  readonly #fillNow = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#asking || this.#resting) return
    const alone = this.#claimed.size === 0 && this.#isIdle()
    if (this.#careful && !alone) return
    const most = this.concurrency - this.#claimed.size
    if (most <= 0) return
    this.#asking = true
    this.#ask(Math.min(most, mostAtOnce), alone)
  }

  /** The answer to what was asked. */
  filled({ records, suspects, behind }: FromServer & { type: 'handed-out' }): void {
    this.#asking = false
    this.#suspects = suspects
    this.#behind = behind
    this.#careful = records.some(({ crashes }) => crashes > 0)
  }

  /** All is stored: what had to wait for that may follow. */
  flushed(): void {
    if (this.#careful || (this.#suspects && this.#claimed.size === 0)) this.fill()
  }

  /** No answer comes to what was asked. */
  restart(): void {
    this.#asking = false
  }

  /** Asks for nothing any more. */
  stop(): void {
    this.#resting = true
    clearTimeout(this.#timer)
  }

  /** Hands back what it has. */
  close(): void {
    this.stop()
    for (const record of this.#claimed) record.handBack()
    this.#claimed.clear()
  }
}
