import type { AfterwordError } from '../errors.ts'
import type { EngineOption, EngineSettings } from '../options/engine-option.ts'
import type { BoundOptions, JobSettings } from '../options/task-options.ts'
import type { SentResponse } from '../sent-response.ts'
import type { NotAdded, Outcome } from './outcome.ts'
import type { Host } from './response.ts'

/** A record is a job call as it is stored. The core knows no more of the journal, which stores it, than this file. */
export interface JobRecord {
  /** Unique among all processes on the same folder, and the same in every run. A duplicate has the id of the record that stands for it. */
  readonly id: string
  /** Resolves when the record is where its durability promises. @throws AfterwordError `AFTERWORD_JOURNAL_REFUSED` */
  readonly accepted: Promise<void>
  /** Resolves as `accepted` does, and also when the record is in a transaction of the app, which the app commits. */
  readonly entered: Promise<void>
  readonly isAccepted: boolean
  /** The error of a record that the journal did not accept. */
  readonly refusal: AfterwordError | undefined
  /** The run waits for this promise, which never rejects: until then the journal may not add the record. `undefined` for a record that may run. */
  readonly ready: Promise<void> | undefined
  /** Any process with room runs the record: this one has only made it. */
  readonly isShared: boolean
  /** Another process may have the record: this one may not cancel it by itself. */
  readonly hasLeft: boolean
  /** A worker has claimed the record: it leaves the memory of this process when it is tried again. */
  readonly isClaim: boolean
  /** Hands the record to the journal; nothing to do for one that was claimed. @param onRejected is called if the journal does not add it */
  submit(onRejected: (why: NotAdded) => void): void
  /** Notes that the record runs, in case it ends this process. Resolves when that is stored; `undefined` where it need not be. */
  markStarted(): Promise<void> | undefined
  /** Hands a claim that has not begun back at once. @returns false where no other process could run it yet */
  handBackEarly(): boolean
  /** The response is sent on which the `when` of the record depends: should this process end, another one knows what became of it. */
  noteResponse(sent: SentResponse): void
  /** The record is tried again, `delay` ms from now. @param outcome that of the attempt */
  retry(attempt: number, delay: number, outcome: Outcome): void
  /** The record has its outcome. @param uniqueFor the time in ms for which its unique key stays taken, if it is done */
  finish(outcome: Outcome, attempt: number, uniqueFor?: number): void
}

/** A tracer traces calls that are stored. */
export interface CallTracer {
  /** Calls `create` with the trace context that is stored with the call of a job. Throws what `create` throws. */
  call(job: string, create: (trace: string | undefined) => JobRecord): JobRecord
  /** Calls `add` for a call in a transaction of the app, which has no record here. Rejects as `add` does. @returns the id that `add` resolves with */
  enqueue(job: string, add: (trace: string | undefined) => Promise<string>): Promise<string>
}

/** A call of a job that is to be stored. */
export interface JobCall {
  readonly job: string
  readonly version: number
  readonly args: readonly unknown[]
  /** Options that `with` has bound to the call, instead of the job's own. */
  readonly options?: BoundOptions | undefined
  /** The response on which the `when` of the call depends, as far as it is known: `status` 0 and not delivered until it is sent. */
  readonly response?: SentResponse | undefined
  /** No other record of the job with this key is added until this one is done. */
  readonly uniqueKey?: string | undefined
  /** The moment by `Date.now()` after which the call does not run. */
  readonly expiresAt?: number | undefined
  /** One call of each lane runs at a time, in order. */
  readonly lane?: string | undefined
  /** The call takes the place of one with its unique key that waits, for so many ms since the first of them at most. */
  readonly longest?: number | undefined
  /** The call is due in so many ms. */
  readonly delay?: number
  /** The engine has the call, and no journal before it, when the record is accepted. */
  readonly confirmed?: boolean
  /** The call stays in no memory: a worker with room claims it. */
  readonly shared?: boolean
  /** The call counts among the claims of this process. */
  readonly asClaim?: boolean
}

/** A claim is a record that was nobody's, and is this process's to run from now on. */
export interface Claim {
  readonly record: JobRecord
  readonly job: string
  readonly version: number
  readonly args: readonly unknown[]
  /** The arguments as they were encoded, from a journal: an engine behind it gets them so. */
  readonly encodedArgs?: string | undefined
  readonly options: BoundOptions | undefined
  /** The response on which the `when` of the record depends, as far as it was known when its process ended. */
  readonly response: SentResponse | undefined
  /** The moment by `Date.now()` after which the record does not run. */
  readonly expiresAt: number | undefined
  /** The unique key of the record, where a journal stands before an engine. */
  readonly uniqueKey?: string | undefined
  /** The number of runs that have failed. */
  readonly attempt: number
  /** The process that had the record before has ended, and has left it. */
  readonly isRecovered: boolean
  /** The host that ends the run by itself, if there is one. */
  readonly host?: Host | undefined
}

/** The records that a process claims. */
export interface ClaimSettings {
  /** The process claims shared records, besides those of dead processes. */
  readonly shared: boolean
  /** The names of the jobs; `undefined` for all. */
  readonly jobs: readonly string[] | undefined
  /** The most claims that the process has at once. */
  readonly concurrency: number
}

/** A claimer runs the claims of a journal: the worker. */
export interface Claimer {
  take(claims: readonly Claim[]): void
  /** The number of calls of each limited job that can begin now. */
  rooms(): [job: string, room: number][]
  /** The number of calls of a job that can begin now; `Infinity` where it has no limit. */
  roomFor(job: string): number
  /** Calls `call` once, when a call of the job can begin: that may be at once. */
  whenRoom(job: string, call: () => void): void
  /** Pauses these jobs, and no others: no run of them begins. */
  setPaused(jobs: readonly string[]): void
  /** Cancels the task of a record that waits in memory. @returns false if it runs; `undefined` where there is none */
  withdraw(id: string): boolean | undefined
  /** The ids of the records that run. */
  running(): string[]
}

/** A journal stores the records of one instance. */
export interface Journal {
  /** Refuses a job with options that the journal can't keep. @throws AfterwordError `AFTERWORD_ENGINE_LACKS` */
  check?(job: string, settings: JobSettings): void
  /** The name of the engine that keeps the records. */
  readonly engine?: string
  /** Adds a call in a transaction of the app. Resolves with its id. A journal without transactions has no such method. @throws AfterwordError `AFTERWORD_INVALID_OPTION` for what is none of its transactions */
  enqueue?(call: JobCall, tx: object): Promise<string>
  /** The number of records that an engine does not have yet. */
  readonly sending?: number
  /** The moment by `performance.now()` at which the engine was found away; `undefined` while it answers. */
  readonly awaySince?: number | undefined
  /** The time in ms for which the oldest change of a record has waited to be stored; 0 where none waits. */
  readonly lag?: number
  /** The number of accepted records that are in memory until their database has them: others may run them then. */
  readonly moving?: number
  /** The files of the journal could be opened: records are not refused for that. */
  readonly isOpen?: boolean
  /** The engine has answered, and was not found away since. */
  readonly isReached?: boolean
  /** The time in ms for which the oldest call has waited here for the engine; 0 while none waits. */
  readonly oldestSending?: number
  /** Makes a record, which `submit` stores. @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  create(call: JobCall): JobRecord
  /** Sets the jobs whose records can be run here, each up to a version. */
  setJobs(jobs: readonly (readonly [name: string, version: number])[]): void
  /** Sets the records that the claimer gets. */
  claim(settings: ClaimSettings): void
  /**
   * Withdraws a record that waits, in whichever process, by its id or by its unique key: once that is stored, the record never begins.
   * @returns whether the record was withdrawn; false if it runs, has ended, or never was
   * @throws AfterwordError `AFTERWORD_NOT_ANSWERED` if that can't be known
   */
  withdraw(of: string | { readonly job: string; readonly key: string }): Promise<boolean>
  /** Pauses a job in all processes, or resumes it. @throws AfterwordError `AFTERWORD_NOT_PAUSED` where that can't be stored */
  pause(job: string, isPaused: boolean): Promise<void>
  /** The process would claim another record of the job at once, and no record waits for that. */
  hasRoom(job: string): boolean
  /** The process is asked to end: that its end comes while a record runs tells nothing of the record. */
  expectEnd(): void
  /** Claims nothing any more: the process is ending. */
  stopClaiming(): void
  /** Writes what has gathered in this turn, now: the process may end before the turn does. */
  write(): void
  /** Resolves when the outcomes of records so far are stored. */
  flushed(): Promise<void>
  /** Resolves when the withdrawals of records that this process has in memory are stored. Left out where `flushed` waits for nothing else. */
  withdrawalsStored?(): Promise<void>
  /** Consumes a batch of messages that the host hands over, with the context of its invocation. Resolves when their runs have ended. */
  consume?(batch: object, context: object | undefined): Promise<void>
  /**
   * Stores what is on its way, and lets go of the folder.
   * @param within the time in ms for what can also be left to the next process
   * @param running the records that run: no other process runs them before they have ended here
   */
  close(within: number, running?: readonly JobRecord[]): Promise<void>
}

/** The ids of the records of a folder as text, and back. */
export interface RecordIdTexts {
  idOf(recordId: number): string
  /** `NaN` where the text is none. */
  recordIdOf(id: string): number
}

/** Opens the journal that stands before an engine, for the claimer and with the record ids of the engine. */
export type OpenJournal = (claimer: Claimer, ids: RecordIdTexts) => Journal

/** An engine as the core knows it: what makes the journal of an instance, before which another one may stand. */
export interface JournalMaker extends EngineOption {
  open(settings: EngineSettings, claimer: Claimer, openJournal: OpenJournal | undefined): Journal
}
