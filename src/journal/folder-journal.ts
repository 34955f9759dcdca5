import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { clearTimeout, clock, setTimeout } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'
import type { Claimer, ClaimSettings, JobCall, JobRecord, Journal } from '../task/record.ts'
import { notAnswered } from '../task/withdrawal.ts'
import { takeOver } from './client/closed-slots.ts'
import { Codec, type CodecOptions } from './client/codec.ts'
import { notPaused } from './client/pausing.ts'
import { RefusingQueue } from './client/refusing-queue.ts'
import { openSlotClient, type SlotClient } from './client/slot-client.ts'
import { StoredRecord } from './client/stored-record.ts'
import type { Sync } from './files/database.ts'
import type { RecordRow } from './files/log-format.ts'
import { tell } from './files/process-slot.ts'
import type { KnownJob } from './protocol.ts'
import { recoverSlot } from './server/slot-recovery.ts'

export interface FolderJournalOptions extends CodecOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
  /** The most failed records that stay listed, in each database. */
  readonly maxFailed: number
  /** The time in ms for which records wait for their sync. */
  readonly holdTimeout: number
  /** A folder that can't be opened is an error; otherwise calls are refused until it can. */
  readonly required?: boolean
}

/** The least time in ms between tries to open the folder, for calls of jobs. */
const interval = 250
/** The interval in ms of tries without a call, at first and at most. A folder that is being deleted must stay empty for a while. */
const firstPause = 1000
const longestPause = 2000

/**
 * Opens a journal in a folder, in files of its own, whose server has a thread of its own.
 * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`
 */
export function openFolderJournal(options: FolderJournalOptions, claimer: Claimer): Journal {
  return new FolderJournal(options, claimer)
}

/** The journal in a folder. Should its slot be lost while it is in use, the journal goes on with another one. */
class FolderJournal implements Journal {
  readonly #folder: string
  readonly #options: FolderJournalOptions
  readonly #claimer: Claimer
  readonly #codec: Codec
  readonly #refusing = new RefusingQueue()
  #current: SlotClient | undefined
  /** The clients of slots that were lost: their records are in memory, and run. */
  readonly #lost = new Set<SlotClient>()
  readonly #lostSlots = new Set<number>()
  #jobs: readonly KnownJob[] = []
  #settings: ClaimSettings | undefined
  #stopped = false
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #triedAt = -interval
  #pause = firstPause

  constructor(options: FolderJournalOptions, claimer: Claimer) {
    // The app may change its directory later.
    this.#folder = resolve(options.path)
    this.#options = options
    this.#claimer = {
      take: (claims) => {
        claimer.take(claims)
        this.#lookIfDue()
      },
      rooms: () => claimer.rooms(),
      roomFor: (job) => claimer.roomFor(job),
      whenRoom: (job, call) => claimer.whenRoom(job, call),
      withdraw: (id) => claimer.withdraw(id),
      running: () => claimer.running(),
      setPaused: (jobs) => claimer.setPaused(jobs),
    }
    this.#codec = new Codec(options)
    takeOver(this.#folder)
    try {
      this.#current = this.#open()
    } catch (error) {
      if (options.required !== false) throw error
      report(error as AfterwordError)
      this.#refuse(error)
    }
  }

  get isOpen(): boolean {
    return this.#current !== undefined
  }

  get moving(): number {
    const queues = this.#clients.flatMap(({ allQueues }) => allQueues)
    return queues.reduce((sum, { moving }) => sum + moving, 0)
  }

  get lag(): number {
    return Math.max(0, ...this.#clients.map(({ lag }) => lag))
  }

  create(call: JobCall): JobRecord {
    this.#lookIfDue()
    if (this.#current === undefined && !this.#closed && clock.now() - this.#triedAt > interval) this.#openAgain()
    return this.#current?.client.create(call) ?? this.#refused(call)
  }

  setJobs(jobs: readonly KnownJob[]): void {
    this.#jobs = jobs
    for (const client of this.#clients) client.setJobs(jobs)
  }

  claim(settings: ClaimSettings): void {
    this.#settings = settings
    this.#current?.client.claim(settings)
  }

  async withdraw(of: Parameters<Journal['withdraw']>[0]): Promise<boolean> {
    if (this.#current !== undefined) return this.#current.client.withdraw(of)
    throw notAnswered('the journal can not be opened')
  }

  async pause(job: string, isPaused: boolean): Promise<void> {
    if (this.#current !== undefined) return this.#current.client.pause(job, isPaused)
    throw notPaused('the journal can not be opened')
  }

  hasRoom(job: string): boolean {
    return this.#current?.client.hasRoom(job) ?? false
  }

  expectEnd(): void {
    for (const client of this.#clients) client.expectEnd()
  }

  stopClaiming(): void {
    this.#stopped = true
    for (const client of this.#clients) client.stopClaiming()
  }

  write(): void {
    if (this.#closed) return
    for (const client of this.#clients) client.write()
  }

  async flushed(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.flushed()))
  }

  async close(within: number, running?: readonly JobRecord[]): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#current?.watch.close()
    await Promise.all(this.#clients.map((client) => client.close(within, running)))
  }

  get #clients() {
    return [this.#current, ...this.#lost].flatMap((slot) => slot?.client ?? [])
  }

  #open(): SlotClient {
    const { sync, retention, maxFailed, holdTimeout } = this.#options
    const folder = this.#folder
    const recover = (slot: number) => recoverSlot(folder, slot, sync, tell)
    const options = {
      folder,
      sync,
      retention,
      maxFailed,
      holdTimeout,
      codec: this.#codec,
      recover,
      lost: this.#lostSlots,
    }
    return openSlotClient(options, this.#claimer, () => this.#look())
  }

  #lookIfDue(): void {
    if (this.#current?.watch.isDue) this.#look()
  }

  /** Looks whether the slot is still this process's. Another one is opened for the next call, or soon: a folder may be about to be deleted. */
  #look(): void {
    const slot = this.#current
    if (this.#closed || slot === undefined || !slot.watch.isLost) return
    this.#current = undefined
    slot.watch.close()
    this.#lost.add(slot)
    this.#lostSlots.add(slot.number)
    report(new AfterwordError('AFTERWORD_JOURNAL_LOST', [slot.path]))
    // Other processes may free its claims. Where the shared database is lost as well, no other process has it.
    slot.client.retire(!existsSync(join(this.#folder, 'shared.db')))
    this.#triedAt = -interval
    this.#goOn()
  }

  #openAgain(): void {
    this.#triedAt = clock.now()
    try {
      this.#current = this.#open()
    } catch (error) {
      return this.#refuse(error)
    }
    this.#pause = firstPause
    const { client } = this.#current
    client.setJobs(this.#jobs)
    if (this.#stopped) client.stopClaiming()
    else if (this.#settings !== undefined) client.claim(this.#settings)
  }

  #refuse(error: unknown): void {
    const { message, cause } = error as Error
    this.#triedAt = clock.now()
    this.#refusing.why = cause === undefined ? message : String(cause)
    this.#goOn()
  }

  /** Tries again to open the folder, and closes lost slots when they are not needed any more. */
  #goOn(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (this.#closed) return
      for (const slot of this.#lost) {
        if (!slot.client.isAtRest) continue
        this.#lost.delete(slot)
        void slot.client.close(0)
      }
      if (this.#current === undefined) this.#openAgain()
      if (this.#current === undefined || this.#lost.size > 0) this.#goOn()
    }, this.#pause).unref()
    this.#pause = Math.min(2 * this.#pause, longestPause)
  }

  #refused({ job, args }: JobCall): StoredRecord {
    this.#codec.encode(args, job, 0)
    return new StoredRecord(this.#refusing, 0, {
      added: { row: [] as unknown as RecordRow, accepting: this.#refusing },
      codec: this.#codec,
      job,
    })
  }
}
