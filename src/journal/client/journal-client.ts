import { setImmediate as nextTurn } from 'node:timers/promises'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { EncryptSettings } from '../../options/journal-options.ts'
import type { Claim, Claimer, ClaimSettings, JobCall, Journal } from '../../task/record.ts'
import {
  type ClaimedRow,
  type CommitGroup,
  type FromServer,
  type KnownJob,
  type Store,
  type ToServer,
  transition,
} from '../protocol.ts'
import type { Channel, ChannelEvents } from './channel.ts'
import { Claims } from './claims.ts'
import { type Codec, encodeOptions } from './codec.ts'
import { StoredRecord } from './stored-record.ts'
import type { WriteQueue } from './write-queue.ts'

/** What a journal needs to know wherever it is. */
export interface JournalClientOptions {
  /** For how many ms failed records stay listed. */
  readonly retention: number
  /** How many bytes the stored arguments of a call may have. */
  readonly maxPayload: number
  /** What seals that. */
  readonly encrypt?: EncryptSettings | undefined
}

/** Keeps records through a keeper (docs/journal.md). This is its side in the thread of the requests. */
export abstract class JournalClient implements Journal {
  readonly #owner: Claimer
  readonly #codec: Codec
  readonly #channel: Channel
  readonly #claims: Claims
  #lastId: number
  #jobs: readonly KnownJob[] = []
  #work: ClaimSettings = { shared: false, jobs: undefined, concurrency: 1 }
  #closing = false
  readonly #closed = Promise.withResolvers<void>()

  /** @param process the number of this process: also the key before the first one that it gives */
  constructor(process: number, connect: (on: ChannelEvents) => Channel, contents: Codec, owner: Claimer) {
    this.#owner = owner
    this.#codec = contents
    this.#lastId = process
    this.#channel = connect({
      message: (message) => this.#receive(message),
      lost: () => this.#lost(),
      back: () => this.#resume(),
    })
    this.#claims = new Claims(
      (most, alone) => this.#channel.post({ type: 'hand-out', most, alone }),
      () => this.#idle,
    )
  }

  /** The way of records to a place. */
  protected abstract queue(store: Store): WriteQueue

  /** Takes the lock of a slot that no living process seems to have, and tells the keeper if it has got it. */
  protected lock(_slot: number): void {}

  protected unlock(_slot: number): void {}

  /** The slots that were taken over. */
  protected get locked(): number[] {
    return []
  }

  /** Hands a group on. */
  protected post(message: ToServer): void {
    if (message.type === 'group') {
      // Not at once: whoever tries again and again must leave time for the thread to come back.
      if (!this.#channel.up) return void setImmediate(() => this.queue(message.store).refused('its thread has ended'))
      // The process stays until it is stored.
      this.#channel.busy = true
    }
    this.#channel.post(message)
  }

  create({
    job,
    version,
    args,
    options,
    uniqueKey: key,
    delay = 0,
    shared: forAnybody = false,
    asClaim: takesPlace = false,
  }: JobCall): StoredRecord {
    const id = this.#lastId + 1
    const text = this.#codec.encode(args, job, id)
    this.#lastId = id
    const places = takesPlace ? this.#claims : undefined
    const pipeline = this.queue(key === undefined && !forAnybody ? 'own' : 'shared')
    const values: CommitGroup['accepts'] = [id, job, version, text, encodeOptions(options)]
    if (pipeline.store === 'shared') values.push(delay, forAnybody ? 0 : 1, ...this.#codec.storedKey(job, key))
    return new StoredRecord(pipeline, id, { values, claims: places, encryptError: this.#codec.errorEncrypter(job, id) })
  }

  setJobs(jobs: readonly KnownJob[]): void {
    this.#jobs = jobs
    this.#tellJobs()
  }

  claim(settings: ClaimSettings): void {
    this.#work = settings
    this.#claims.concurrency = settings.concurrency
    this.#tellJobs()
  }

  hasRoom(job: string): boolean {
    const { shared, jobs } = this.#work
    return shared && this.#claims.free && (jobs === undefined || jobs.includes(job))
  }

  stopClaiming(): void {
    this.#claims.stop()
  }

  async close(): Promise<void> {
    this.#claims.stop()
    // Should the keeper die meanwhile, the next one stores what became of records.
    for (let tries = 2; tries > 0 && !(await this.#closeQueues()); tries--);
    if (this.#channel.up) {
      this.#closing = true
      this.#channel.busy = true
      this.#channel.post({ type: 'close' })
      await this.#closed.promise
    }
    await this.#channel.close()
  }

  /** @returns whether the keeper was there all the time */
  async #closeQueues(): Promise<boolean> {
    await this.#channel.ready()
    // What was refused while there was none is known by then.
    await nextTurn()
    this.#claims.close()
    await Promise.all(this.#queues.map((pipeline) => pipeline.close('the journal is closed')))
    return this.#channel.up
  }

  /** Resolves when what became of records so far is stored. */
  async flushed(): Promise<void> {
    await Promise.all(this.#queues.map((pipeline) => pipeline.flushed()))
  }

  #tellJobs(): void {
    if (this.#jobs.length === 0) return
    const { shared, jobs } = this.#work
    const sharedJobs = shared ? this.#jobs.filter(([name]) => jobs?.includes(name) ?? true) : []
    this.#channel.post({ type: 'know', jobs: { known: this.#jobs, shared: sharedJobs } })
    this.#claims.fill()
  }

  #receive(message: FromServer): void {
    switch (message.type) {
      case 'committed':
        this.queue(message.store).committed(message.duplicates)
        return this.#afterGroup()
      case 'refused':
        this.queue(message.store).refused(message.message)
        return this.#afterGroup()
      case 'handed-out':
        this.#claims.filled(message)
        return this.#accept(message.records)
      case 'loose':
        return this.#jobs.length > 0 ? this.#claims.fill() : undefined
      case 'free':
        return this.lock(message.slot)
      case 'let-go':
        return this.unlock(message.slot)
      case 'report':
        return report(new AfterwordError(message.code, message.values, message.cause ? { cause: message.cause } : {}))
      case 'closed':
        return this.#closed.resolve()
    }
  }

  get #queues(): WriteQueue[] {
    return [this.queue('own'), this.queue('shared')]
  }

  get #idle(): boolean {
    return this.#queues.every(({ idle }) => idle)
  }

  #afterGroup(): void {
    if (!this.#idle) return
    // Whoever closes it waits for the keeper's answer.
    this.#channel.busy = this.#closing
    this.#claims.flushed()
  }

  #accept(rows: readonly ClaimedRow[]): void {
    if (this.#claims.stopped) {
      for (const { store, recordId } of rows) this.queue(store).change(transition.back, recordId)
      return
    }
    const records = rows.flatMap((row) => this.#claimOf(row) ?? [])
    if (records.length === 0) return
    this.#owner.take(records)
    this.#claims.fill()
  }

  #claimOf(row: ClaimedRow): Claim | undefined {
    const { store, recordId, orphaned, job, version, attempt } = row
    const sealError = this.#codec.errorEncrypter(job, recordId)
    const record = new StoredRecord(this.queue(store), recordId, {
      claims: this.#claims,
      orphaned,
      encryptError: sealError,
    })
    this.#claims.add(record)
    try {
      return { record, job, version, attempt, ...this.#codec.decode(row) }
    } catch (error) {
      record.finish({ status: 'failed', error }, attempt)
      report(error as AfterwordError)
      return undefined
    }
  }

  #lost(): void {
    if (this.#closing) this.#closed.resolve()
    for (const pipeline of this.#queues) pipeline.lost('its thread has ended')
    this.#afterGroup()
  }

  /** What became of records is stored, where they are, before others are handed out; and what was handed out and never came is free again. */
  #resume(): void {
    this.post({ type: 'locked', slots: this.locked })
    for (const pipeline of this.#queues) pipeline.flush()
    const settling = this.#queues.flatMap((pipeline) => pipeline.changing)
    this.#channel.post({ type: 'resume', keys: [...this.#claims.recordIds, ...settling] })
    this.#claims.restart()
    this.#tellJobs()
  }
}
