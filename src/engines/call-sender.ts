import { clearTimeout, clock, setImmediate } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { Refusals } from '../journal/client/refusals.ts'
import { rootContext } from '../schedule/current.ts'
import { setTimer, within } from '../timers.ts'
import { type Added, addCalls } from './added-calls.ts'
import type { EngineSender, SenderOptions, SentRecord } from './engine.ts'
import { plainError } from './plain-error.ts'

/** The most calls that are sent at once. */
const mostAtOnce = 1000
/** The most groups on their way: one that gets no answer holds no other one up. */
const mostGroups = 4
/** The shortest and the longest pause in ms before calls are sent again. */
const firstPause = 50
const longestPause = 1000

/** The call sender brings calls to the engine in groups: those of one turn go together, and those that come while groups are on their way. */
export class CallSender implements EngineSender {
  readonly #options: SenderOptions
  readonly #refusals: Refusals
  /** The records that are neither stored nor refused, by their deadline, in this order. */
  readonly #open = new Map<SentRecord, number>()
  #waiting: SentRecord[] = []
  #groups = 0
  /** The most calls of the next group: fewer after one that the engine did not take, for a single call may be the reason. */
  #most = mostAtOnce
  #sendSet = false
  #pause = firstPause
  #pauseTimer: NodeJS.Timeout | undefined
  #deadlineTimer: NodeJS.Timeout | undefined
  #trouble = 'no answer'
  #closed = false

  constructor(options: SenderOptions) {
    this.#options = options
    const { name, holdTimeout } = options
    this.#refusals = new Refusals((why) => new AfterwordError('AFTERWORD_ENGINE_REFUSED', [name, holdTimeout, why]))
  }

  get size(): number {
    return this.#open.size
  }

  get lag(): number {
    const [deadline] = this.#open.values()
    return deadline === undefined ? 0 : clock.now() + this.#options.holdTimeout - deadline
  }

  send(record: SentRecord): void {
    if (this.#closed) return this.#refuse(record)
    this.#open.set(record, clock.now() + this.#options.holdTimeout)
    this.#waiting.push(record)
    this.#deadlineTimer ??= setTimer(this.#refuseLate, this.#options.holdTimeout)
    this.#sendSoon()
  }

  async flushed(): Promise<void> {
    await Promise.all(Array.from(this.#open.keys(), ({ ready }) => ready))
  }

  close(): void {
    this.#closed = true
    for (const record of [...this.#open.keys()]) this.#refuse(record)
    clearTimeout(this.#pauseTimer)
    clearTimeout(this.#deadlineTimer)
    this.#refusals.flush()
  }

  #sendSoon(): void {
    if (this.#sendSet || this.#pauseTimer !== undefined || this.#closed) return
    this.#sendSet = true
    // What the engine's library begins is no code of the request whose call comes first.
    rootContext.runInAsyncScope(setImmediate, undefined, this.#sendNow)
  }

  readonly #sendNow = (): void => {
    this.#sendSet = false
    this.#waiting = this.#waiting.filter((record) => this.#open.has(record))
    while (this.#waiting.length > 0 && this.#groups < mostGroups) void this.#sendGroup()
  }

  async #sendGroup(): Promise<void> {
    const { name, client, host, holdTimeout } = this.#options
    const group = this.#waiting.splice(0, this.#most)
    this.#groups++
    try {
      const calls = group.map(({ call }) => call)
      const added = addCalls(name, client, calls).then((answers) => this.#answered(group, answers))
      // The engine may answer later all the same: a call that is refused by then runs.
      if (!(await within(holdTimeout, added))) throw new Error('no answer')
      this.#pause = firstPause
      this.#most = mostAtOnce
      host.reached()
    } catch (error) {
      this.#trouble = plainError(error as Error).message
      host.away(error)
      this.#most = Math.max(1, Math.floor(group.length / 2))
      this.#waiting.push(...group)
      this.#sendLater()
    }
    this.#groups--
    if (this.#waiting.length > 0) this.#sendSoon()
  }

  #answered(group: readonly SentRecord[], answers: readonly Added[]): void {
    const later: SentRecord[] = []
    for (const [index, record] of group.entries()) {
      const answer = answers[index]
      if (answer === undefined) {
        later.push(record)
        continue
      }
      if (!this.#open.delete(record)) continue
      if (typeof answer === 'string') record.stored(answer)
      else {
        record.refused(answer)
        report(answer)
      }
    }
    if (later.length === 0) return
    this.#trouble = 'its unique key is in a transaction that is open'
    setTimer(() => {
      this.#waiting.push(...later)
      this.#sendSoon()
    }, firstPause)
  }

  #sendLater(): void {
    if (this.#pauseTimer !== undefined || this.#closed) return
    this.#pauseTimer = setTimer(() => {
      this.#pauseTimer = undefined
      this.#sendSoon()
    }, this.#pause)
    this.#pause = Math.min(longestPause, 2 * this.#pause)
  }

  readonly #refuseLate = (): void => {
    this.#deadlineTimer = undefined
    for (const [record, deadline] of this.#open) {
      const left = deadline - clock.now()
      if (left > 0) return void (this.#deadlineTimer = setTimer(this.#refuseLate, left))
      this.#refuse(record)
    }
  }

  #refuse(record: SentRecord): void {
    this.#open.delete(record)
    record.refused(this.#refusals.add(this.#trouble))
  }
}
