import type { BoundOptions } from '../options/task-options.ts'
import type { Outcome } from './outcome.ts'

/** Why a record was not added: it could not be stored, there is one with its key, or the app's transaction was rolled back. */
export type NotAdded = 'refused' | 'duplicate' | 'rolled-back'

/** A job call as it is stored. What stores it is the journal; the core knows no more of it than this. */
export interface JobRecord {
  /** Unique among all processes on the same folder, and the same in every run. Of a duplicate, that of the one which stands for it. */
  readonly id: string
  /** Resolves when the record is where its durability promises. @throws AfterwordError `AFTERWORD_JOURNAL_REFUSED` */
  readonly accepted: Promise<void>
  /** The same, but resolves also when it is in a transaction of the app, which is the app's to commit. */
  readonly entered: Promise<void>
  /** It has been accepted. */
  readonly isAccepted: boolean
  /** Any process could have taken it: it leaves this one's memory when it is tried again. */
  readonly isClaim: boolean
  /** Hands it to the journal. @param lost is called if it is not added */
  submit(lost: (why: NotAdded) => void): void
  /** Resolves when it is stored that it runs: should it end this process, that is known. `undefined` where that need not be. */
  markStarted(): Promise<void> | undefined
  /** It is tried again, `delay` ms from now. */
  retry(attempt: number, delay: number): void
  /** It has its outcome. */
  finish(outcome: Outcome, attempt: number): void
}

/** A call that is to be stored. */
export interface JobCall {
  readonly job: string
  readonly version: number
  readonly args: readonly unknown[]
  /** Instead of the job's own. */
  readonly options?: BoundOptions | undefined
  /** No other record of the job with this key is added until it is done. */
  readonly uniqueKey?: string | undefined
  /** It is due in so many ms. */
  readonly delay?: number
  /** It stays in no memory: whoever has room takes it. */
  readonly shared?: boolean
  /** It counts among those that this process has taken. */
  readonly asClaim?: boolean
}

/** A record that nobody runs, and which is this process's from now on. */
export interface Claim {
  readonly record: JobRecord
  readonly job: string
  readonly version: number
  readonly args: readonly unknown[]
  readonly options: BoundOptions | undefined
  /** How often it was run, and failed. */
  readonly attempt: number
}

/** What a process takes of the work that any process may do. */
export interface ClaimSettings {
  /** It takes some, besides what dead processes have left. */
  readonly shared: boolean
  /** Of these jobs; `undefined` for all. */
  readonly jobs: readonly string[] | undefined
  /** How many records at once. */
  readonly concurrency: number
}

/** Where the records of one instance are. */
export interface Journal {
  /** Makes a record. @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  create(call: JobCall): JobRecord
  /** From now on records of these jobs, up to these versions, can be run here. */
  setJobs(jobs: readonly (readonly [name: string, version: number])[]): void
  claim(settings: ClaimSettings): void
  /** This process would take another record of the job at once, and nobody waits for that. */
  hasRoom(job: string): boolean
  /** Takes nothing any more that nobody runs: the process is ending. */
  stopClaiming(): void
  /** Resolves when what became of records so far is stored. */
  flushed(): Promise<void>
  /** Stores what is on its way, and lets go of the folder. */
  close(): Promise<void>
}

/** What a journal needs of its instance. */
export interface Claimer {
  take(records: readonly Claim[]): void
}
