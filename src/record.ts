import type { Outcome } from './outcome.ts'

/** A job call as it is stored. What stores it is the journal; the core knows no more of it than this. */
export interface Record {
  /** Unique among all processes on the same folder, and the same in every run. */
  readonly id: string
  /** Resolves when the record is where its durability promises. @throws AfterwordError `AFTERWORD_JOURNAL_REFUSED` */
  readonly accepted: Promise<void>
  /** It has been accepted. */
  readonly isAccepted: boolean
  /** Hands it to the journal. @param refused is called if it can't be stored */
  accept(refused: () => void): void
  /** It is tried again, `delay` ms from now. */
  retry(attempt: number, delay: number): void
  /** It has its outcome. */
  settle(outcome: Outcome, attempt: number): void
}

/** A record whose process has ended, and which is to be run by this one. */
export interface RecoveredRecord {
  readonly record: Record & {
    /** Resolves when it is stored that it runs: should it end this process, that is known. */
    begin(): Promise<void>
  }
  readonly job: string
  readonly args: readonly unknown[]
  /** How often it was run, and failed. */
  readonly attempt: number
  /** Not before, by `Date.now()`. */
  readonly runAt: number
}

/** Where the records of one instance are. */
export interface Journal {
  /** Makes a record; with a `delay`, in ms, it is handed out when it is due. @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  record(job: string, args: readonly unknown[], maxPayload: number, delay?: number): Record
  /** From now on records of these jobs can be run here. */
  know(jobs: readonly string[]): void
  /** Stores what is on its way, and lets go of the folder. */
  close(): Promise<void>
}

/** What a journal needs of its instance. */
export interface JournalOwner {
  recover(records: readonly RecoveredRecord[]): void
}
