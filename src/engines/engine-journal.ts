import { clock } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import { encodeArgs } from '../journal/format/call-args.ts'
import type { EngineSettings } from '../options/engine-option.ts'
import type { JobSettings } from '../options/task-options.ts'
import type { Claim, Claimer, ClaimSettings, JobCall, JobRecord, Journal } from '../task/record.ts'
import { within } from '../timers.ts'
import { refusalOf } from './added-calls.ts'
import { decodeCall, encodeOptions } from './call-codec.ts'
import { callId } from './call-id.ts'
import { CallSender } from './call-sender.ts'
import { ClaimedRecord } from './claimed-record.ts'
import type { Ability, Engine, EngineCall, EngineClaim, EngineClient, EngineHost, EngineSender } from './engine.ts'
import { MadeRecord } from './made-record.ts'
import { noPauses } from './no-pauses.ts'
import { plainError } from './plain-error.ts'

/** The number of runs in a row without an end after which a call is not run again. */
const mostCrashes = 5

/** The time in ms that an end has at least, however little is left: what is not handed back would run ten seconds later, and count as a crash. */
const leastForClose = 2000

/** The reason why a claim is not run whose call names another job than its queue. */
const unknownJob = 'this process defines no such job'

/** The journal of an instance whose records an engine keeps. */
export class EngineJournal implements Journal, EngineHost {
  readonly #engine: Engine
  readonly #settings: EngineSettings
  readonly #claimer: Claimer
  readonly client: EngineClient
  readonly #sender: EngineSender
  readonly #claimed = new Set<ClaimedRecord>()
  /** The ends of runs that are on their way. */
  readonly #settling = new Set<Promise<void>>()
  #jobs: readonly (readonly [name: string, version: number])[] = []
  #names: ReadonlySet<string> = new Set()
  #claims: ClaimSettings | undefined
  awaySince: number | undefined
  #answered = false
  #stopped = false

  constructor(engine: Engine, settings: EngineSettings, claimer: Claimer) {
    this.#engine = engine
    this.#settings = settings
    this.#claimer = claimer
    this.client = engine.connect()
    const { name } = engine
    const options = { name, client: this.client, host: this, holdTimeout: settings.holdTimeout }
    this.#sender = engine.sender?.(options) ?? new CallSender(options)
  }

  get engine(): string {
    return this.#engine.name
  }

  get isReached(): boolean {
    return this.#answered && this.awaySince === undefined
  }

  get sending(): number {
    return this.#sender.size
  }

  get oldestSending(): number {
    return this.#sender.lag
  }

  get lag(): number {
    return this.#sender.lag
  }

  check(job: string, settings: JobSettings): void {
    const lacking = this.#engine.lacks.find((option) => isSet(option, settings))
    if (lacking !== undefined) this.#refuse(job, lacking)
  }

  create(call: JobCall): JobRecord {
    return new MadeRecord(this.#make(call), this.#sender)
  }

  async enqueue(call: JobCall, tx: object): Promise<string> {
    const { client } = this
    const { name } = this.#engine
    if (client.enqueue === undefined) throw new AfterwordError('AFTERWORD_NO_TRANSACTIONS', [call.job, name])
    const made = this.#make(call)
    const { holdTimeout } = this.#settings
    try {
      return await client.enqueue(made, tx, holdTimeout)
    } catch (error) {
      if (error instanceof AfterwordError) throw error
      // The transaction is over: no other try can be made in it.
      if (client.refuses?.(error, true)) throw refusalOf(name, made, error as Error)
      const cause = plainError(error as Error)
      throw new AfterwordError('AFTERWORD_ENGINE_REFUSED', [name, holdTimeout, cause.message], { cause })
    }
  }

  #make(call: JobCall): EngineCall {
    const { job, version, args, options, uniqueKey, delay = 0, expiresAt, response, lane, longest } = call
    // Options that are bound to a call meet no check before.
    if (response !== undefined) this.#refuse(job, 'when')
    if (lane !== undefined) this.#refuse(job, 'lane')
    if (longest !== undefined) this.#refuse(job, 'debounce')
    if (uniqueKey !== undefined && this.#engine.lacks.includes('key')) this.#refuse(job, 'key')
    const made = {
      id: callId(),
      job,
      version,
      args: encodeArgs(job, args, this.#settings.maxPayload),
      options: encodeOptions(options),
      uniqueKey,
      delay: Math.ceil(delay),
      expiresAt,
      attempt: 0,
    }
    this.#engine.check?.(made)
    return made
  }

  #refuse(job: string, option: Ability): never {
    throw new AfterwordError('AFTERWORD_ENGINE_LACKS', [job, option, this.#engine.name])
  }

  setJobs(jobs: readonly (readonly [name: string, version: number])[]): void {
    this.#jobs = jobs
    this.#names = new Set(jobs.map(([name]) => name))
    this.#work()
  }

  claim(settings: ClaimSettings): void {
    // The instance is set up: from now on there may be calls.
    if (this.#claims === undefined) this.client.open(this)
    this.#claims = settings
    this.#work()
  }

  #work(): void {
    const { shared = false, jobs, concurrency = 0 } = this.#claims ?? {}
    const known = this.#jobs.filter(([name]) => jobs === undefined || jobs.includes(name))
    const isAtWork = shared && !this.#stopped
    this.client.work({ jobs: known, concurrency: isAtWork ? concurrency : 0 })
  }

  take(claims: readonly EngineClaim[]): void {
    this.#claimer.take(claims.flatMap((claim) => this.#claimOf(claim) ?? []))
  }

  /** Makes the claim of the worker; `undefined` for one that is not to run here. */
  #claimOf(claim: EngineClaim): Claim | undefined {
    const { job, version, attempt, crashes, expiresAt, host } = claim
    const record = new ClaimedRecord(claim, (settled) => {
      this.#claimed.delete(record)
      // A client that keeps its contract never rejects; one that does not ends no process.
      const stored = settled.catch((error) => this.away(error))
      this.#settling.add(stored)
      void stored.then(() => this.#settling.delete(stored))
    })
    this.#claimed.add(record)
    if (this.#stopped) return void record.handBack()
    try {
      if (crashes >= mostCrashes) throw new AfterwordError('AFTERWORD_CRASHED', [job, record.id, crashes])
      if (!this.#names.has(job)) throw new AfterwordError('AFTERWORD_UNREADABLE', [job, record.id, unknownJob])
      const { args, options } = decodeCall(claim)
      const isRecovered = crashes > 0
      return { record, job, version, args, options, response: undefined, expiresAt, attempt, isRecovered, host }
    } catch (error) {
      record.finish({ status: 'failed', error }, attempt)
      report(error as AfterwordError)
      return undefined
    }
  }

  roomFor(job: string): number {
    return this.#claimer.roomFor(job)
  }

  whenRoom(job: string, call: () => void): void {
    this.#claimer.whenRoom(job, call)
  }

  away(error: unknown): void {
    if (this.awaySince !== undefined || this.#stopped) return
    this.awaySince = clock.now()
    const cause = plainError(error)
    const { folder, holdTimeout } = this.#settings
    const waiting =
      folder === undefined ? `wait for up to ${holdTimeout} ms, then they are refused` : 'wait in the journal'
    report(new AfterwordError('AFTERWORD_ENGINE_AWAY', [this.#engine.name, cause.message, waiting], { cause }))
  }

  reached(): void {
    this.#answered = true
    this.awaySince = undefined
  }

  unworked(job: string, seconds: number): void {
    report(new AfterwordError('AFTERWORD_NO_WORKER', [job, this.#engine.name, seconds]))
  }

  lost(job: string, id: string): void {
    report(new AfterwordError('AFTERWORD_CLAIM_LOST', [job, id]))
  }

  async withdraw(of: string | { readonly job: string; readonly key: string }): Promise<boolean> {
    let isWithdrawn = false
    const jobs = typeof of === 'string' ? this.#jobs : this.#jobs.filter(([name]) => name === of.job)
    const { client } = this
    if (client.withdraw === undefined) throw new AfterwordError('AFTERWORD_NOT_CANCELLED', [this.#engine.name])
    const asked = client.withdraw(of, jobs).then((answer) => void (isWithdrawn = answer))
    try {
      if (await within(this.#settings.holdTimeout, asked)) return isWithdrawn
    } catch (error) {
      const cause = plainError(error as Error)
      throw new AfterwordError('AFTERWORD_NOT_ANSWERED', [cause.message], { cause })
    }
    throw new AfterwordError('AFTERWORD_NOT_ANSWERED', [`${this.#engine.name} did not answer`])
  }

  async consume(batch: object, context: object | undefined): Promise<void> {
    if (this.client.consume === undefined) throw new AfterwordError('AFTERWORD_NO_CONSUMER')
    await this.client.consume(batch, context)
  }

  async pause(): Promise<void> {
    throw noPauses(this.#engine.name)
  }

  /** Claims come from the engine alone, which is fair to all processes. */
  hasRoom(): boolean {
    return false
  }

  expectEnd(): void {}

  stopClaiming(): void {
    this.#stopped = true
    this.#work()
  }

  /** An engine answers no sooner. */
  write(): void {}

  async flushed(): Promise<void> {
    await Promise.all([this.#sender.flushed(), ...this.#settling])
  }

  /** A call that is here still was never sent: nothing of it is stored. */
  async withdrawalsStored(): Promise<void> {}

  async close(time: number): Promise<void> {
    const most = Math.max(leastForClose, time)
    const deadline = clock.now() + most
    this.stopClaiming()
    for (const record of [...this.#claimed]) record.handBack()
    await within(most, this.flushed())
    this.#sender.close()
    await this.client.close(Math.max(0, deadline - clock.now()))
  }
}

/** The option of a job is not as by default. */
function isSet(option: Ability, { key, when, uniqueFor, lane, debounce, rate }: JobSettings): boolean {
  return {
    key: key !== undefined,
    rate: rate !== undefined,
    when: when !== 'always',
    uniqueFor: uniqueFor > 0,
    lane: lane !== undefined,
    debounce: debounce !== undefined,
  }[option]
}
