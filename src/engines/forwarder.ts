import { report } from '../events.ts'
import { encode } from '../journal/format/encoding.ts'
import type { Claim, Claimer } from '../task/record.ts'
import { waitFor } from '../timers.ts'
import { type Added, addCalls } from './added-calls.ts'
import { encodeOptions } from './call-codec.ts'
import type { EngineCall, EngineClient, EngineHost } from './engine.ts'
import { WaitingClaims } from './waiting-claims.ts'

/** The most calls that are forwarded at once. */
const mostAtOnce = 1000
/** The shortest and the longest pause in ms before calls are forwarded again. */
const firstPause = 50
const longestPause = 2000

interface ForwarderOptions {
  /** The name of the engine. */
  readonly name: string
  readonly client: EngineClient
  readonly host: EngineHost
  /** The worker, for what only this machine can run. */
  readonly worker: Claimer
}

/** The forwarder claims what the journal has for any process, and hands it to the engine: in groups, and again for as long as the engine is away. */
export class Forwarder implements Claimer {
  readonly #options: ForwarderOptions
  readonly #waiting: Claim[] = []
  readonly #since: WaitingClaims
  /** The group on its way. */
  #group: Claim[] = []
  #most = mostAtOnce
  #stopped = false
  #forwarding: Promise<void> | undefined

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#since = new WaitingClaims(options.name)
  }

  /** The number of claims that the engine does not have yet. */
  get size(): number {
    return this.#waiting.length + this.#group.length
  }

  take(claims: readonly Claim[]): void {
    // What depends on the response of a process that has died runs here, where that is known.
    const here = claims.filter(({ response }) => response !== undefined)
    if (here.length > 0) this.#options.worker.take(here)
    const forwarded = claims.filter(({ response }) => response === undefined)
    this.#waiting.push(...forwarded)
    this.#since.add(forwarded)
    if (this.#stopped) this.stop()
    else if (this.#waiting.length > 0) this.#forwarding ??= this.#forward()
  }

  async #forward(): Promise<void> {
    for (let pause = firstPause; this.#waiting.length > 0; ) {
      this.#group = this.#waiting.splice(0, this.#most)
      if (await this.#add(this.#group)) pause = firstPause
      else if (!this.#stopped) {
        await waitFor(pause)
        pause = Math.min(longestPause, 2 * pause)
      }
    }
    this.#forwarding = undefined
  }

  /** @returns false if the engine did not take the group: then a smaller one is tried, for a single call may be what it does not take */
  async #add(group: readonly Claim[]): Promise<boolean> {
    const { name, client, host } = this.#options
    try {
      const answers = await addCalls(name, client, group.map(callOf))
      // Where the claims were handed back meanwhile, the group is empty.
      for (const [index, claim] of this.#group.splice(0).entries()) {
        this.#since.delete(claim)
        settle(claim, answers[index] as Added)
      }
      this.#most = mostAtOnce
      host.reached()
      return true
    } catch (error) {
      host.away(error)
      this.#most = Math.max(1, Math.floor(group.length / 2))
      this.#waiting.push(...this.#group.splice(0))
      if (this.#stopped) this.stop()
      return false
    }
  }

  /** The time in ms for which the oldest claim has waited; 0 while none waits. */
  get oldest(): number {
    return this.#since.oldest
  }

  /** Hands the claims back that are not on their way: the next process forwards them. */
  stop(): void {
    this.#stopped = true
    for (const claim of this.#waiting.splice(0)) this.#handBack(claim)
  }

  /** Resolves when no call is on its way any more. */
  async flushed(): Promise<void> {
    await this.#forwarding
  }

  /** Hands back what is still on its way. Should the engine have it all the same, it knows the id when it comes again. */
  close(): void {
    this.stop()
    for (const claim of this.#group.splice(0)) this.#handBack(claim)
  }

  #handBack(claim: Claim): void {
    this.#since.delete(claim)
    claim.record.handBackEarly()
  }

  rooms(): [job: string, room: number][] {
    return []
  }

  roomFor(): number {
    return Infinity
  }

  whenRoom(_job: string, call: () => void): void {
    call()
  }

  setPaused(jobs: readonly string[]): void {
    this.#options.worker.setPaused(jobs)
  }

  /** A call that is on its way to the engine is not taken back here. */
  withdraw(id: string): boolean | undefined {
    const isHere = [...this.#waiting, ...this.#group].some(({ record }) => record.id === id)
    return isHere ? false : this.#options.worker.withdraw(id)
  }

  running(): string[] {
    return this.#options.worker.running()
  }
}

/** A call that the engine has is done with here. One that it refuses is listed as failed in the folder. */
function settle({ record, attempt }: Claim, answer: Added): void {
  if (typeof answer === 'string') return record.finish({ status: 'done', value: undefined }, attempt)
  record.finish({ status: 'failed', error: answer }, attempt)
  report(answer)
}

function callOf({ record, job, version, args, options, expiresAt, attempt, uniqueKey }: Claim): EngineCall {
  const stored = { args: encode(args), options: encodeOptions(options) }
  return { id: record.id, job, version, ...stored, uniqueKey, delay: 0, expiresAt, attempt }
}
