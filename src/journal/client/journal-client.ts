import { setImmediate } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { Claimer, ClaimSettings, JobCall, JobRecord, Journal } from '../../task/record.ts'
import { type ClaimedRow, type FromServer, type KnownJob, type Store, transition } from '../protocol.ts'
import type { Channel } from './channel.ts'
import { Claims } from './claims.ts'
import { keepClosed } from './closed-slots.ts'
import type { Codec } from './codec.ts'
import { Deadline } from './deadline.ts'
import { flush } from './flush.ts'
import type { LogQueue } from './log-queue.ts'
import { Pausing } from './pausing.ts'
import { RecordIds } from './record-ids.ts'
import { RecordMaker } from './record-maker.ts'
import type { RecordQueue } from './record-queue.ts'
import type { SlotLocks } from './slot-locks.ts'
import type { StoredRecord } from './stored-record.ts'
import { Withdrawing } from './withdrawing.ts'
import type { WriteQueue } from './write-queue.ts'

/** The parts of a client. */
interface ClientParts {
  /** The number of this process: also the record id before the first one that the client gives. */
  readonly process: number
  readonly channel: Channel
  /** The queues of the databases. */
  readonly queues: Readonly<Record<Store, WriteQueue>>
  /** Accepts new records: the log, or the app's own database. */
  readonly accepting: RecordQueue
  readonly log?: LogQueue | undefined
  readonly codec: Codec
  readonly locks: SlotLocks
}

/** The journal's client, in the thread of the requests: makes records, and has a server store them (docs/journal.md). */
export class JournalClient implements Journal {
  readonly #channel: Channel
  readonly #queues: ClientParts['queues']
  /** An app's own database has one queue for both stores. */
  readonly allQueues: readonly WriteQueue[]
  readonly #accepting: RecordQueue
  readonly #log: LogQueue | undefined
  readonly #codec: Codec
  readonly #records: RecordMaker
  readonly #locks: SlotLocks
  readonly #claims: Claims
  readonly #claimer: Claimer
  readonly #ids: RecordIds
  readonly #withdrawing: Withdrawing
  readonly #pausing: Pausing
  #jobs: readonly KnownJob[] = []
  #settings: ClaimSettings = { shared: false, jobs: undefined, concurrency: 1 }
  #closing = false
  /** Resolves when the server knows that the process ends in order, or has died. */
  #endNoted: PromiseWithResolvers<void> | undefined
  readonly #closed = Promise.withResolvers<void>()

  constructor({ process, channel, queues, accepting, log, codec, locks }: ClientParts, claimer: Claimer) {
    this.#channel = channel
    this.#queues = queues
    this.allQueues = [...new Set(Object.values(queues))]
    this.#accepting = accepting
    this.#log = log
    this.#codec = codec
    this.#locks = locks
    this.#claims = new Claims((claim) => channel.post(claim), claimer)
    this.#claimer = claimer
    this.#ids = new RecordIds(process, (recordId) => channel.post({ type: 'block', recordId }))
    const forward = log === undefined ? undefined : queues.shared
    this.#records = new RecordMaker({ process, ids: this.#ids, codec, accepting, forward, claims: this.#claims })
    this.#withdrawing = new Withdrawing({ claimer, channel, codec, flushed: () => this.flushed() })
    this.#pausing = new Pausing(channel)
    channel.open({
      message: (message) => this.#receive(message),
      lost: () => this.#lost(),
      back: () => this.#back(),
    })
  }

  get lag(): number {
    return Math.max(this.#log?.lag ?? 0, ...this.allQueues.map(({ lag }) => lag))
  }

  create(call: JobCall): StoredRecord {
    return this.#records.make(call)
  }

  withdraw(of: Parameters<Journal['withdraw']>[0]): Promise<boolean> {
    return this.#withdrawing.withdraw(of).finally(() => this.#letGo())
  }

  pause(job: string, isPaused: boolean): Promise<void> {
    return this.#pausing.pause(job, isPaused).finally(() => this.#letGo())
  }

  setJobs(jobs: readonly KnownJob[]): void {
    this.#jobs = jobs
    this.#tellJobs()
  }

  claim(settings: ClaimSettings): void {
    this.#settings = settings
    this.#claims.concurrency = settings.concurrency
    this.#tellJobs()
  }

  hasRoom(job: string): boolean {
    const { shared, jobs } = this.#settings
    return shared && this.#claims.hasRoom(job) && (jobs === undefined || jobs.includes(job))
  }

  expectEnd(): void {
    if (this.#channel.up) this.#endNoted ??= Promise.withResolvers()
    this.#channel.post({ type: 'ending' })
  }

  stopClaiming(): void {
    this.#claims.stop()
    this.#channel.post({ type: 'stop' })
  }

  /** The slot is not this process's any more. @param mayClaim no other process can claim the records that the client claims */
  retire(mayClaim: boolean): void {
    this.#channel.post({ type: 'retire' })
    if (!mayClaim) this.stopClaiming()
  }

  /** The client has no record in the memory of this process. */
  get isAtRest(): boolean {
    return this.allQueues.every(({ idle }) => idle) && this.#claims.isEmpty && this.#log?.isAtRest !== false
  }

  async close(within: number, given: readonly JobRecord[] = []): Promise<void> {
    const deadline = new Deadline(within)
    this.#claims.stop()
    this.#log?.close('the journal is closed')
    const queues = [this.#accepting, ...this.allQueues]
    const running = new Set((given as StoredRecord[]).filter((record) => record.isIn(queues)))
    await deadline.bounds(Promise.all([this.#store(running), this.#endNoted?.promise]))
    if (running.size === 0) return this.#end(deadline)
    // The app may close its database now.
    if (this.#log === undefined) await this.#abandon(running, deadline)
    this.#runOn(running)
  }

  /** Keeps the slot until records have ended that still run, and stores their outcomes. */
  #runOn(running: ReadonlySet<StoredRecord>): void {
    const log = this.#log
    const letGo = () => {
      log?.end()
      this.#locks.close()
      if (log !== undefined) void this.#abandon(running, new Deadline(0))
    }
    const end = () => (log === undefined ? letGo() : void this.#store().then(() => this.#end(new Deadline(0))))
    keepClosed(this.#locks.folder, Promise.all(Array.from(running, (record) => record.left)), letGo, end)
  }

  /** Ends the server before records have ended that still run: their outcomes are not stored. */
  async #abandon(running: ReadonlySet<StoredRecord>, deadline: Deadline): Promise<void> {
    for (const record of running) record.abandon()
    await this.#endServer(deadline, this.#log === undefined ? running : [])
  }

  /** Stores outcomes. Should the server die meanwhile, the next one does. */
  async #store(running: ReadonlySet<StoredRecord> = new Set()): Promise<void> {
    for (let tries = 2; tries > 0 && !(await this.#closeQueues(running)); tries--);
  }

  async #end(deadline: Deadline): Promise<void> {
    this.#log?.end()
    this.#ids.tellBlock()
    if (await this.#endServer(deadline)) this.#locks.close()
  }

  /** @returns false if the server does not end. Its thread may still write: then the locks are dropped with the process. */
  async #endServer(deadline: Deadline, running: Iterable<StoredRecord> = []): Promise<boolean> {
    if (this.#channel.up) {
      this.#closing = this.#channel.busy = true
      this.#channel.post({
        type: 'close',
        within: deadline.left,
        kept: Array.from(running, ({ recordId }) => recordId),
      })
      await deadline.bounds(this.#closed.promise)
    }
    if (await deadline.bounds(this.#channel.close())) return true
    this.#closing = this.#channel.busy = false
    return false
  }

  write(): void {
    this.#log?.flush()
  }

  flushed(): Promise<void> {
    return flush(this.#log, this.allQueues)
  }

  /** @returns whether the server was there all the time */
  async #closeQueues(running: ReadonlySet<StoredRecord>): Promise<boolean> {
    await this.#channel.ready()
    // Groups that were refused while there was no server are known as such by then.
    await new Promise((resolve) => void setImmediate(resolve))
    this.#claims.close(running)
    await this.#log?.settled()
    this.#log?.moveAll()
    await Promise.all(this.allQueues.map((queue) => queue.close()))
    return this.#channel.up
  }

  #tellJobs(): void {
    if (this.#jobs.length === 0) return
    const { shared, jobs } = this.#settings
    const sharedJobs = shared ? this.#jobs.filter(([name]) => jobs?.includes(name) ?? true) : []
    this.#channel.post({ type: 'jobs', jobs: { known: this.#jobs, shared: sharedJobs } })
    this.#claims.fill()
  }

  #receive(message: FromServer): void {
    switch (message.type) {
      case 'committed':
        this.#queues[message.store].committed(message.duplicates, message.left)
        return this.#letGo()
      case 'refused':
        this.#queues[message.store].refused(message.left)
        return this.#letGo()
      case 'synced':
        return this.#log?.answered(message.number, message.error)
      case 'prepared':
        return this.#log?.prepared(message.error === undefined)
      case 'claimed':
        this.#claims.filled(message)
        this.#run(message.records)
        return this.#claims.taken()
      case 'claimable':
        return this.#jobs.length > 0 ? this.#claims.claimable() : undefined
      case 'paused':
        return this.#claimer.setPaused(message.jobs)
      case 'pause-stored':
        return this.#pausing.answered(message)
      case 'asked':
        return void this.#withdrawing.asked(message)
      case 'withdrawn':
        return this.#withdrawing.answered(message)
      case 'orphaned-slot':
        return this.#locks.adopt(message.slot)
          ? this.#channel.post({ type: 'adopt', slots: [message.slot] })
          : undefined
      case 'released-slot':
        return this.#locks.release(message.slot)
      case 'report':
        return report(new AfterwordError(message.code, message.values, message.cause ? { cause: message.cause } : {}))
      case 'end-noted':
        return this.#endNoted?.resolve()
      case 'closed':
        return this.#closed.resolve()
    }
  }

  /** The process need not stay for the server any more, unless a caller of `close` waits for its answer. */
  #letGo(): void {
    if (this.allQueues.every(({ idle }) => idle))
      this.#channel.busy = this.#closing || this.#withdrawing.isWaiting || this.#pausing.isWaiting
  }

  #run(rows: readonly ClaimedRow[]): void {
    // The server that ends leaves what it has just claimed to others.
    if (this.#closing) return
    if (this.#claims.stopped) {
      for (const { store, recordId } of rows) this.#queues[store].change({ recordId }, transition.handBack)
      return
    }
    const claims = rows.flatMap((row) => this.#claims.claimOf(row, this.#queues[row.store], this.#codec) ?? [])
    if (claims.length === 0) return
    this.#claimer.take(claims)
    this.#claims.fill()
  }

  #lost(): void {
    if (this.#closing) this.#closed.resolve()
    this.#endNoted?.resolve()
    this.#withdrawing.lost()
    this.#pausing.lost()
    for (const queue of this.allQueues) queue.refused()
    this.#letGo()
  }

  /** The outcomes of records are stored, where the records are, before others are claimed; claims that never came are free again. */
  #back(): void {
    this.#channel.post({ type: 'adopt', slots: this.#locks.adopted })
    this.#log?.restart()
    this.#ids.tellBlock()
    for (const queue of this.allQueues) queue.flush()
    const changing = this.allQueues.flatMap((queue) => queue.changing)
    this.#channel.post({ type: 'resume', claimed: [...this.#claims.recordIds, ...changing] })
    this.#claims.restart()
    this.#tellJobs()
  }
}
