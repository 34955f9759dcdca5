import { Worker } from 'node:worker_threads'
import { AfterwordError, type ErrorCode } from '../errors.ts'
import { report } from '../events.ts'
import type { Outcome } from '../outcome.ts'
import type { Journal, JournalOwner, Record } from '../record.ts'
import { decode, encode, Unstorable } from './encoding.ts'
import { type FromThread, type Group, type HandedOut, settle, type ToThread } from './group.ts'
import { epochSize, idOf } from './key.ts'
import { type OwnSlot, openSlot, type Sync } from './slot.ts'
import type { ThreadData } from './thread.ts'

interface FolderJournalOptions {
  /** The folder, on a local disk. Processes on the same machine may share it. */
  readonly path: string
  readonly sync: Sync
  /** For how many ms failed records stay listed. */
  readonly retention: number
}

/** So many recovered records are in memory at once. */
const mostRecovered = 64
/** How long settles may wait for accepts to ride along with, and what was refused for its next try, in ms. */
const settleDelay = 5
const retryDelay = 100

/** Keeps records in a folder of slots (docs/journal.md). This is its side in the thread of the requests: it gathers groups. */
export class FolderJournal implements Journal {
  readonly #owner: JournalOwner
  readonly #own: OwnSlot
  readonly #thread: Worker
  #counter = 0
  /** What the next group has, and what is being committed. */
  #next = emptyGroup()
  #committing: ReturnType<typeof emptyGroup> | undefined
  #flushSet = false
  #timer: NodeJS.Timeout | undefined
  #jobs: readonly string[] = []
  /** Recovered records that have no outcome yet. */
  readonly #recovered = new Set<KeptRecord>()
  #asking = false
  /** What was handed out last may end the process: nothing follows it until its outcome is stored. */
  #careful = false
  readonly #idle = new Set<() => void>()
  #closed: PromiseWithResolvers<void> | undefined

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
  constructor({ path, sync, retention }: FolderJournalOptions, owner: JournalOwner) {
    this.#owner = owner
    this.#own = openSlot(path)
    // Beside this file, by the same ending: run from source or compiled.
    const file = new URL(import.meta.url.replace(/journal(\.[jt]s)$/, 'thread$1'))
    const workerData: ThreadData = { folder: path, slot: this.#own.lock.slot, sync, retention }
    this.#thread = new Worker(file, { workerData, execArgv: ['--disable-warning=ExperimentalWarning'] })
    this.#thread.on('message', (message: FromThread) => this.#receive(message))
    this.#thread.on('error', (cause) => report(new AfterwordError('AFTERWORD_JOURNAL_FAILED', [], { cause })))
    this.#thread.on('exit', () => this.#exited())
    this.#thread.unref()
  }

  record(job: string, args: readonly unknown[], maxPayload: number, delay = 0): KeptRecord {
    const text = encodeArgs(job, args)
    const bytes = Buffer.byteLength(text)
    if (bytes > maxPayload) throw new AfterwordError('AFTERWORD_PAYLOAD_TOO_LARGE', [job, bytes, maxPayload])
    const key = this.#own.epoch * epochSize + ++this.#counter
    return new KeptRecord(this, this.#own.lock.slot, key, { job, args: text, delay })
  }

  know(jobs: readonly string[]): void {
    this.#jobs = jobs
    this.#ask()
  }

  /** Adds a record to the next group. */
  accept(record: KeptRecord, { job, args, delay }: Call): void {
    const now = Date.now()
    this.#next.group.accepts.push(record.key, job, args, now, now + Math.ceil(delay), delay > 0 ? 1 : 0)
    this.#next.accepting.push(record)
    if (this.#closed !== undefined) return this.#refuse([record], 'the journal is closed')
    // The phase of the event loop gathers what other requests accept.
    if (this.#flushSet || this.#committing !== undefined) return
    this.#flushSet = true
    setImmediate(this.#flush)
  }

  /** Resolves when it is stored that the record runs. */
  begin(record: KeptRecord): Promise<void> {
    return new Promise((resolve) => {
      this.#next.beginning.push(resolve)
      this.settle(record, settle.begin)
    })
  }

  /** Adds what became of a record to the next group. */
  settle(record: KeptRecord, what: number, first: string | number = 0, second: string | number = 0): void {
    this.#next.group.settles.push(what, record.slot, record.key, first, second)
    if (what !== settle.retry && what !== settle.begin && this.#recovered.delete(record)) this.#ask()
    if (this.#flushSet || this.#committing !== undefined) return
    this.#timer ??= setTimeout(this.#flush, settleDelay)
  }

  async close(): Promise<void> {
    for (const record of this.#recovered) this.settle(record, settle.back, record.begun ? 1 : 0)
    this.#closed ??= Promise.withResolvers()
    this.#flush()
    if (this.#committing !== undefined) await new Promise<void>((resolve) => this.#idle.add(resolve))
    this.#post({ type: 'close' })
    await this.#closed.promise
    await this.#thread.terminate()
    this.#own.lock.release()
  }

  readonly #flush = (): void => {
    this.#flushSet = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { accepts, settles } = this.#next.group
    if (this.#committing !== undefined || (accepts.length === 0 && settles.length === 0)) return
    this.#committing = this.#next
    this.#next = emptyGroup()
    this.#post(this.#committing.group)
    // The process stays until it is stored.
    this.#thread.ref()
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'committed':
        for (const record of this.#committing?.accepting ?? []) record.stored()
        for (const begin of this.#committing?.beginning ?? []) begin()
        return this.#committed()
      case 'refused':
        return this.#refused(message.message)
      case 'handed-out':
        return this.#recover(message.records)
      case 'loose':
        return this.#ask()
      case 'report':
        return report(new AfterwordError(message.code as ErrorCode, message.values))
      case 'closed':
        return this.#closed?.resolve()
    }
  }

  #committed(): void {
    this.#committing = undefined
    this.#thread.unref()
    const { accepts, settles } = this.#next.group
    if (accepts.length > 0) this.#flush()
    else if (settles.length > 0) this.#timer ??= setTimeout(this.#flush, this.#idle.size > 0 ? 0 : settleDelay)
    else {
      for (const idle of this.#idle) idle()
      if (this.#careful) this.#ask()
    }
  }

  /** Nothing of the group is stored: who waits for a record is told, what became of others is tried again. */
  #refused(message: string): void {
    const { group, accepting, beginning } = this.#committing ?? emptyGroup()
    this.#committing = undefined
    this.#thread.unref()
    this.#next.beginning.unshift(...beginning)
    this.#refuse(accepting, message)
    // Settles of records that were refused with it find nothing to settle.
    this.#next.group.settles.unshift(...group.settles)
    if (this.#closed !== undefined) for (const idle of this.#idle) idle()
    else if (this.#next.group.accepts.length > 0) this.#flush()
    else if (this.#next.group.settles.length > 0) this.#timer ??= setTimeout(this.#flush, retryDelay)
  }

  #refuse(records: readonly KeptRecord[], message: string): void {
    for (const record of records) record.refused(new AfterwordError('AFTERWORD_JOURNAL_REFUSED', [message]))
  }

  get #unsettled(): boolean {
    return this.#next.group.settles.length > 0
  }

  #ask(): void {
    if (this.#asking || this.#closed !== undefined || this.#jobs.length === 0) return
    if (this.#careful && (this.#recovered.size > 0 || this.#committing !== undefined || this.#unsettled)) return
    const most = mostRecovered - this.#recovered.size
    // In pages: one question for each record would cost more than the record.
    if (most < mostRecovered / 2) return
    this.#asking = true
    this.#post({ type: 'hand-out', jobs: this.#jobs, most })
  }

  #recover(rows: readonly HandedOut[]): void {
    this.#asking = false
    this.#careful = rows.some(({ crashes }) => crashes > 0)
    const records = rows.flatMap(({ slot, key, job, args, attempt, runAt }) => {
      const record = new KeptRecord(this, slot, key)
      this.#recovered.add(record)
      try {
        return [{ record, job, args: decode(args), attempt, runAt }]
      } catch (error) {
        record.settle({ status: 'failed', error }, attempt)
        return []
      }
    })
    if (records.length === 0) return
    this.#owner.recover(records)
    this.#ask()
  }

  #exited(): void {
    if (this.#closed !== undefined) return this.#closed.resolve()
    const { accepting } = this.#committing ?? emptyGroup()
    this.#refuse([...accepting, ...this.#next.accepting], 'its thread has ended')
    this.#committing = undefined
    this.#closed = Promise.withResolvers()
    this.#closed.resolve()
  }

  #post(message: ToThread): void {
    this.#thread.postMessage(message)
  }
}

/** A group, and who waits for it: records to be accepted, and runs to begin. */
function emptyGroup(): { readonly group: Group; readonly accepting: KeptRecord[]; readonly beginning: (() => void)[] } {
  return { group: { type: 'group', accepts: [], settles: [] }, accepting: [], beginning: [] }
}

function encodeArgs(job: string, args: readonly unknown[]): string {
  try {
    return encode(args)
  } catch (error) {
    if (!(error instanceof Unstorable)) throw error
    throw new AfterwordError('AFTERWORD_NOT_STORABLE', [job, error.what, error.path])
  }
}

/** What is stored of a call. */
interface Call {
  readonly job: string
  readonly args: string
  /** In ms. */
  readonly delay: number
}

/** A record of a {@link FolderJournal}. */
class KeptRecord implements Record {
  readonly slot: number
  readonly key: number
  /** It was handed out, and runs. */
  begun = false
  readonly #journal: FolderJournal
  /** What is to be stored, until it is on its way. */
  #call: Call | undefined
  #state: 'accepting' | 'accepted' | AfterwordError
  #accepted: PromiseWithResolvers<void> | undefined
  #onRefused: (() => void) | undefined

  constructor(journal: FolderJournal, slot: number, key: number, call?: Call) {
    this.#journal = journal
    this.slot = slot
    this.key = key
    this.#call = call
    this.#state = call === undefined ? 'accepted' : 'accepting'
  }

  get id(): string {
    return idOf(this.slot, this.key)
  }

  get isAccepted(): boolean {
    return this.#state === 'accepted'
  }

  get accepted(): Promise<void> {
    if (this.#state === 'accepted') return Promise.resolve()
    if (this.#state !== 'accepting') return Promise.reject(this.#state)
    this.#accepted ??= Promise.withResolvers()
    return this.#accepted.promise
  }

  accept(refused: () => void): void {
    const call = this.#call
    this.#call = undefined
    this.#onRefused = refused
    if (call !== undefined) this.#journal.accept(this, call)
  }

  stored(): void {
    this.#state = 'accepted'
    this.#onRefused = undefined
    this.#accepted?.resolve()
  }

  refused(error: AfterwordError): void {
    this.#state = error
    this.#accepted?.reject(error)
    // Nobody may be waiting for that any more.
    this.#accepted?.promise.catch(() => {})
    this.#onRefused?.()
  }

  /** For one that was handed out. */
  begin(): Promise<void> {
    this.begun = true
    return this.#journal.begin(this)
  }

  retry(attempt: number, delay: number): void {
    this.begun = false
    this.#journal.settle(this, settle.retry, attempt, Date.now() + Math.ceil(delay))
  }

  settle(outcome: Outcome, attempt: number): void {
    if (this.#state instanceof AfterwordError) return
    switch (outcome.status) {
      case 'failed':
        return this.#journal.settle(this, settle.failed, attempt, `failed\n${textOf(outcome.error)}`)
      case 'timed-out':
        return this.#journal.settle(this, settle.failed, attempt, `timed-out\nafter ${outcome.after} ms`)
      case 'done':
      case 'cancelled':
        return this.#journal.settle(this, settle.done)
    }
  }
}

/** An error as it is listed later. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } catch {
    return 'an error that can not be read'
  }
}
