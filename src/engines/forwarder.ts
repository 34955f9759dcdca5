import type { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { encode } from '../journal/format/encoding.ts'
import type { Claim, Claimer } from '../task/record.ts'
import { waitFor } from '../timers.ts'
import { addCalls } from './added-calls.ts'
import { encodeOptions } from './call-codec.ts'
import type { EngineCall, EngineClient, EngineHost } from './engine.ts'
import { WaitingClaims } from './waiting-claims.ts'

/** The most calls of a group. */
const mostAtOnce = 1000
/** The most groups on their way: the next one is made ready while the engine has one. */
const mostGroups = 2
/** The fewest calls of a group that goes while another one is on its way: fewer wait for more of them. */
const leastBeside = 200
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
  /** The groups on their way. */
  readonly #groups = new Map<Claim[], Promise<void>>()
  #most = mostAtOnce
  #pause = firstPause
  #isPaused = false
  #stopped = false

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#since = new WaitingClaims(options.name)
  }

  /** The number of claims that the engine does not have yet. */
  get size(): number {
    let size = this.#waiting.length
    for (const group of this.#groups.keys()) size += group.length
    return size
  }

  take(claims: readonly Claim[]): void {
    // What depends on the response of a process that has died runs here, where that is known.
    const here = claims.filter(({ response }) => response !== undefined)
    if (here.length > 0) this.#options.worker.take(here)
    const forwarded = claims.filter(({ response }) => response === undefined)
    this.#waiting.push(...forwarded)
    this.#since.add(forwarded)
    if (this.#stopped) this.stop()
    else this.#forward()
  }

  #forward(): void {
    while (!this.#isPaused && this.#groups.size < mostGroups) {
      const least = this.#groups.size === 0 ? 1 : leastBeside
      if (this.#waiting.length < least) return
      const group = this.#waiting.splice(0, this.#most)
      this.#groups.set(group, this.#add(group))
    }
  }

  async #add(group: Claim[]): Promise<void> {
    const { name, client, host } = this.#options
    try {
      const answers = await addCalls(name, client, group.map(callOf))
      this.#groups.delete(group)
      // Where the claims were handed back meanwhile, the group is empty.
      const later: Claim[] = []
      for (const [index, claim] of group.entries()) {
        const answer = answers[index]
        if (answer === undefined) later.push(claim)
        else this.#settle(claim, answer)
      }
      this.#waiting.push(...later)
      if (this.#stopped) this.stop()
      this.#most = mostAtOnce
      this.#pause = firstPause
      host.reached()
      // Others go on meanwhile.
      if (later.length > 0 && later.length === group.length) await waitFor(firstPause)
    } catch (error) {
      this.#groups.delete(group)
      host.away(error)
      // A single call may be what the engine does not take.
      this.#most = Math.max(1, Math.floor(group.length / 2))
      this.#waiting.push(...group)
      if (this.#stopped) return this.stop()
      await this.#waitBeforeNext()
    }
    this.#forward()
  }

  async #waitBeforeNext(): Promise<void> {
    // Another group has failed as well: the pause is that of both.
    if (this.#isPaused) return
    this.#isPaused = true
    await waitFor(this.#pause)
    this.#pause = Math.min(longestPause, 2 * this.#pause)
    this.#isPaused = false
  }

  /** A call that the engine has is done with here. One that it refuses is listed as failed in the folder. */
  #settle(claim: Claim, answer: string | AfterwordError): void {
    const { record, attempt } = claim
    this.#since.delete(claim)
    if (typeof answer === 'string') return record.finish({ status: 'done', value: undefined }, attempt)
    record.finish({ status: 'failed', error: answer }, attempt)
    report(answer)
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
    while (this.#groups.size > 0) await Promise.all(this.#groups.values())
  }

  /** Hands back what is still on its way. Should the engine have it all the same, it knows the id when it comes again. */
  close(): void {
    this.stop()
    for (const group of this.#groups.keys()) for (const claim of group.splice(0)) this.#handBack(claim)
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
    const isHere = [this.#waiting, ...this.#groups.keys()].flat().some(({ record }) => record.id === id)
    return isHere ? false : this.#options.worker.withdraw(id)
  }

  running(): string[] {
    return this.#options.worker.running()
  }
}

function callOf({
  record,
  job,
  version,
  args,
  encodedArgs = encode(args),
  options,
  expiresAt,
  attempt,
  uniqueKey,
}: Claim): EngineCall {
  const stored = { args: encodedArgs, options: encodeOptions(options) }
  return { id: record.id, job, version, ...stored, uniqueKey, delay: 0, expiresAt, attempt }
}
