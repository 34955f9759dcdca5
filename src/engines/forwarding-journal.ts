import { resolve } from 'node:path'
import { clock } from '../clock.ts'
import { FolderIds } from '../journal/files/folder-ids.ts'
import type { EngineSettings } from '../options/engine-option.ts'
import type { JobSettings } from '../options/task-options.ts'
import type { Claimer, ClaimSettings, JobCall, JobRecord, Journal, OpenJournal } from '../task/record.ts'
import { within } from '../timers.ts'
import { ClaimedRecord } from './claimed-record.ts'
import { DiskBound } from './disk-bound.ts'
import type { Engine } from './engine.ts'
import { EngineJournal } from './engine-journal.ts'
import { Forwarder } from './forwarder.ts'

interface ForwardingOptions {
  readonly engine: Engine
  readonly settings: EngineSettings
  readonly worker: Claimer
  readonly openJournal: OpenJournal
}

/** Opens an engine, behind a journal if there is one. */
export function openEngine(
  engine: Engine,
  settings: EngineSettings,
  worker: Claimer,
  openJournal: OpenJournal | undefined,
): Journal {
  if (openJournal === undefined) return new EngineJournal(engine, settings, worker)
  return new ForwardingJournal({ engine, settings, worker, openJournal })
}

/** The most claims that are on their way to the engine: what is beyond that waits on the disk. */
const mostForwarded = 4000

/**
 * A journal before an engine: calls are accepted on the disk, and those that any process may run go on to the engine in the background. Deferred
 * calls run in this process; what a process leaves that dies goes on to the engine as well.
 */
class ForwardingJournal implements Journal {
  readonly #engine: EngineJournal
  readonly #journal: Journal
  readonly #forwarder: Forwarder
  readonly #bound: DiskBound

  constructor({ engine, settings, worker, openJournal }: ForwardingOptions) {
    this.#engine = new EngineJournal(engine, settings, worker)
    this.#forwarder = new Forwarder({ name: engine.name, client: this.#engine.client, host: this.#engine, worker })
    const folder = resolve(settings.folder as string)
    this.#bound = new DiskBound({ engine: engine.name, folder, most: settings.maxDisk ?? Infinity })
    const ids = new FolderIds(folder)
    ids.check()
    this.#journal = openJournal(this.#forwarder, ids)
  }

  get engine(): string {
    return this.#engine.engine
  }

  get isOpen(): boolean {
    return this.#journal.isOpen ?? true
  }

  get isReached(): boolean {
    return this.#engine.isReached
  }

  get oldestSending(): number {
    return Math.max(this.#forwarder.oldest, this.#engine.lag)
  }

  get sending(): number {
    return this.#forwarder.size + this.#engine.sending
  }

  get lag(): number {
    return this.#journal.lag ?? 0
  }

  get moving(): number {
    return this.#journal.moving ?? 0
  }

  get awaySince(): number | undefined {
    return this.#engine.awaySince
  }

  check(job: string, settings: JobSettings): void {
    // The response of a call is known where the journal is.
    this.#engine.check(job, { ...settings, when: 'always' })
  }

  create(call: JobCall): JobRecord {
    if (call.confirmed) return this.#engine.create(call)
    // A file keeps its size for a while after calls have left: only where claims are full do others wait behind them.
    if (call.shared && this.#forwarder.size >= mostForwarded / 2) this.#bound.check()
    return this.#journal.create(call)
  }

  /** The journal has no part in a transaction of the app: the engine has. */
  enqueue(call: JobCall, tx: object): Promise<string> {
    return this.#engine.enqueue(call, tx)
  }

  setJobs(jobs: readonly (readonly [name: string, version: number])[]): void {
    this.#journal.setJobs(jobs)
    this.#engine.setJobs(jobs)
  }

  claim(settings: ClaimSettings): void {
    this.#engine.claim(settings)
    this.#journal.claim({ shared: true, jobs: undefined, concurrency: mostForwarded })
  }

  async withdraw(of: string | { readonly job: string; readonly key: string }): Promise<boolean> {
    return (await this.#journal.withdraw(of)) || this.#engine.withdraw(of)
  }

  pause(): Promise<void> {
    return this.#engine.pause()
  }

  hasRoom(): boolean {
    return false
  }

  expectEnd(): void {
    this.#journal.expectEnd()
  }

  stopClaiming(): void {
    this.#engine.stopClaiming()
    this.#journal.stopClaiming()
    this.#forwarder.stop()
  }

  write(): void {
    this.#journal.write()
  }

  /** Calls that are still to be forwarded are on the disk: they are not waited for. */
  async flushed(): Promise<void> {
    await this.#engine.flushed()
    await this.#journal.flushed()
  }

  withdrawalsStored(): Promise<void> {
    return this.#journal.flushed()
  }

  async close(time: number, running: readonly JobRecord[] = []): Promise<void> {
    const deadline = clock.now() + time
    this.stopClaiming()
    await within(time, this.#forwarder.flushed())
    this.#forwarder.close()
    const left = Math.max(0, deadline - clock.now())
    const own = running.filter((record) => !(record instanceof ClaimedRecord))
    await Promise.all([this.#engine.close(left), this.#journal.close(left, own)])
  }
}
