import { setImmediate as nextTurn } from 'node:timers/promises'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { EncryptSettings } from '../journal-options.ts'
import type { Call, Journal, JournalOwner, TakenRecord, WorkSettings } from '../record.ts'
import { type Contents, encodeOptions } from './contents.ts'
import {
  type FromKeeper,
  type Group,
  type HandedOut,
  type KnownJob,
  type Place,
  settle,
  type ToKeeper,
} from './group.ts'
import { KeptRecord } from './kept-record.ts'
import type { Link, LinkEvents } from './link.ts'
import type { Pipeline } from './pipeline.ts'
import { Places } from './places.ts'

/** What a journal needs to know wherever it is. */
export interface KeptJournalOptions {
  /** For how many ms failed records stay listed. */
  readonly retention: number
  /** How many bytes the stored arguments of a call may have. */
  readonly maxPayload: number
  /** What seals that. */
  readonly encrypt?: EncryptSettings | undefined
}

/** Keeps records through a keeper (docs/journal.md). This is its side in the thread of the requests. */
export abstract class KeptJournal implements Journal {
  readonly #owner: JournalOwner
  readonly #contents: Contents
  readonly #link: Link
  readonly #places: Places
  #lastKey: number
  #jobs: readonly KnownJob[] = []
  #work: WorkSettings = { shared: false, jobs: undefined, concurrency: 1 }
  #closing = false
  readonly #closed = Promise.withResolvers<void>()

  /** @param process the number of this process: also the key before the first one that it gives */
  constructor(process: number, connect: (on: LinkEvents) => Link, contents: Contents, owner: JournalOwner) {
    this.#owner = owner
    this.#contents = contents
    this.#lastKey = process
    this.#link = connect({
      message: (message) => this.#receive(message),
      lost: () => this.#lost(),
      back: () => this.#resume(),
    })
    this.#places = new Places(
      (most, alone) => this.#link.post({ type: 'hand-out', most, alone }),
      () => this.#idle,
    )
  }

  /** The way of records to a place. */
  protected abstract pipeline(place: Place): Pipeline

  /** Takes the lock of a slot that no living process seems to have, and tells the keeper if it has got it. */
  protected lock(_slot: number): void {}

  protected unlock(_slot: number): void {}

  /** The slots that were taken over. */
  protected get locked(): number[] {
    return []
  }

  /** Hands a group on. */
  protected post(message: ToKeeper): void {
    if (message.type === 'group') {
      // Not at once: whoever tries again and again must leave time for the thread to come back.
      if (!this.#link.up) return void setImmediate(() => this.pipeline(message.place).refused('its thread has ended'))
      // The process stays until it is stored.
      this.#link.busy = true
    }
    this.#link.post(message)
  }

  record({ job, version, args, options, key, delay = 0, forAnybody = false, takesPlace = false }: Call): KeptRecord {
    const id = this.#lastKey + 1
    const text = this.#contents.encode(args, job, id)
    this.#lastKey = id
    const places = takesPlace ? this.#places : undefined
    const pipeline = this.pipeline(key === undefined && !forAnybody ? 'slot' : 'shared')
    const values: Group['accepts'] = [id, job, version, text, encodeOptions(options)]
    if (pipeline.place === 'shared') values.push(delay, forAnybody ? 0 : 1, ...this.#contents.single(job, key))
    return new KeptRecord(pipeline, id, { values, places, sealError: this.#contents.sealError(job, id) })
  }

  know(jobs: readonly KnownJob[]): void {
    this.#jobs = jobs
    this.#tellJobs()
  }

  work(settings: WorkSettings): void {
    this.#work = settings
    this.#places.concurrency = settings.concurrency
    this.#tellJobs()
  }

  hasRoom(job: string): boolean {
    const { shared, jobs } = this.#work
    return shared && this.#places.free && (jobs === undefined || jobs.includes(job))
  }

  rest(): void {
    this.#places.rest()
  }

  async close(): Promise<void> {
    this.#places.rest()
    // Should the keeper die meanwhile, the next one stores what became of records.
    for (let tries = 2; tries > 0 && !(await this.#closePipelines()); tries--);
    if (this.#link.up) {
      this.#closing = true
      this.#link.busy = true
      this.#link.post({ type: 'close' })
      await this.#closed.promise
    }
    await this.#link.close()
  }

  /** @returns whether the keeper was there all the time */
  async #closePipelines(): Promise<boolean> {
    await this.#link.ready()
    // What was refused while there was none is known by then.
    await nextTurn()
    this.#places.close()
    await Promise.all(this.#pipelines.map((pipeline) => pipeline.close('the journal is closed')))
    return this.#link.up
  }

  /** Resolves when what became of records so far is stored. */
  async settled(): Promise<void> {
    await Promise.all(this.#pipelines.map((pipeline) => pipeline.settled()))
  }

  #tellJobs(): void {
    if (this.#jobs.length === 0) return
    const { shared, jobs } = this.#work
    const sharedJobs = shared ? this.#jobs.filter(([name]) => jobs?.includes(name) ?? true) : []
    this.#link.post({ type: 'know', jobs: { known: this.#jobs, shared: sharedJobs } })
    this.#places.fill()
  }

  #receive(message: FromKeeper): void {
    switch (message.type) {
      case 'committed':
        this.pipeline(message.place).committed(message.duplicates)
        return this.#afterGroup()
      case 'refused':
        this.pipeline(message.place).refused(message.message)
        return this.#afterGroup()
      case 'handed-out':
        this.#places.filled(message)
        return this.#take(message.records)
      case 'loose':
        return this.#jobs.length > 0 ? this.#places.fill() : undefined
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

  get #pipelines(): Pipeline[] {
    return [this.pipeline('slot'), this.pipeline('shared')]
  }

  get #idle(): boolean {
    return this.#pipelines.every(({ idle }) => idle)
  }

  #afterGroup(): void {
    if (!this.#idle) return
    // Whoever closes it waits for the keeper's answer.
    this.#link.busy = this.#closing
    this.#places.settled()
  }

  #take(rows: readonly HandedOut[]): void {
    if (this.#places.resting) {
      for (const { place, key } of rows) this.pipeline(place).settle(settle.back, key)
      return
    }
    const records = rows.flatMap((row) => this.#taken(row) ?? [])
    if (records.length === 0) return
    this.#owner.take(records)
    this.#places.fill()
  }

  #taken(row: HandedOut): TakenRecord | undefined {
    const { place, key, orphan, job, version, attempt } = row
    const sealError = this.#contents.sealError(job, key)
    const record = new KeptRecord(this.pipeline(place), key, { places: this.#places, orphan, sealError })
    this.#places.enter(record)
    try {
      return { record, job, version, attempt, ...this.#contents.decode(row) }
    } catch (error) {
      record.settle({ status: 'failed', error }, attempt)
      report(error as AfterwordError)
      return undefined
    }
  }

  #lost(): void {
    if (this.#closing) this.#closed.resolve()
    for (const pipeline of this.#pipelines) pipeline.lost('its thread has ended')
    this.#afterGroup()
  }

  /** What became of records is stored, where they are, before others are handed out; and what was handed out and never came is free again. */
  #resume(): void {
    this.post({ type: 'locked', slots: this.locked })
    for (const pipeline of this.#pipelines) pipeline.flush()
    const settling = this.#pipelines.flatMap((pipeline) => pipeline.settling)
    this.#link.post({ type: 'resume', keys: [...this.#places.keys, ...settling] })
    this.#places.restart()
    this.#tellJobs()
  }
}
