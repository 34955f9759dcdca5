import type { FromKeeper } from './group.ts'
import type { KeptRecord } from './kept-record.ts'

/** So many records are asked for at once: they come in one message. */
const mostAtOnce = 1000
/** For how many ms a few free places wait for more to become free. */
const longestGathering = 10

/** What this process has taken of all that any process could run: how much there is room for, and when to ask for more. */
export class Places {
  /** How many there are. */
  concurrency = 1
  readonly #ask: (most: number, alone: boolean) => void
  /** Nothing is on its way to be stored. */
  readonly #isIdle: () => boolean
  readonly #taken = new Set<KeptRecord>()
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

  enter(record: KeptRecord): void {
    this.#taken.add(record)
  }

  leave(record: KeptRecord): void {
    if (this.#taken.delete(record)) this.fill()
  }

  /** There is room, and nobody waits for it. */
  get free(): boolean {
    return !this.#behind && !this.#resting && this.#taken.size < this.concurrency
  }

  /** Nothing is taken any more. */
  get resting(): boolean {
    return this.#resting
  }

  /** Of the records that it has. */
  get keys(): number[] {
    return Array.from(this.#taken, ({ key }) => key)
  }

  /** Asks for as many records as there are places for. */
  fill(): void {
    const most = this.concurrency - this.#taken.size
    // In pages: one question for each record would cost more than the record. But some may go on for long.
    if (most >= this.concurrency / 2) this.#fillNow()
    else if (most > 0) this.#timer ??= setTimeout(this.#fillNow, longestGathering).unref()
  }

  readonly #fillNow = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#asking || this.#resting) return
    const alone = this.#taken.size === 0 && this.#isIdle()
    if (this.#careful && !alone) return
    const most = this.concurrency - this.#taken.size
    if (most <= 0) return
    this.#asking = true
    this.#ask(Math.min(most, mostAtOnce), alone)
  }

  /** The answer to what was asked. */
  filled({ records, suspects, behind }: FromKeeper & { type: 'handed-out' }): void {
    this.#asking = false
    this.#suspects = suspects
    this.#behind = behind
    this.#careful = records.some(({ crashes }) => crashes > 0)
  }

  /** All is stored: what had to wait for that may follow. */
  settled(): void {
    if (this.#careful || (this.#suspects && this.#taken.size === 0)) this.fill()
  }

  /** No answer comes to what was asked. */
  restart(): void {
    this.#asking = false
  }

  /** Asks for nothing any more. */
  rest(): void {
    this.#resting = true
    clearTimeout(this.#timer)
  }

  /** Hands back what it has. */
  close(): void {
    this.rest()
    for (const record of this.#taken) record.handBack()
    this.#taken.clear()
  }
}
