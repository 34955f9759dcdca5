/**
 * The state of a record that waits. Where processes live and none of them knows its job and version, the record is `unknown`; where none
 * that knows the job has the key of its encryption, the record is `sealed`; else, where its job is paused, the record is `paused`.
 */
export type WaitingState = 'pending' | 'paused' | 'unknown' | 'sealed'

/** The states of records. A record is `held` where the process that has it does not tell whether it runs. */
export const states = ['failed', 'running', 'held', 'pending', 'paused', 'unknown', 'sealed'] as const
export type State = (typeof states)[number]

/** The records that are listed; without a property, all of them. */
export interface RecordFilter {
  readonly state?: State | undefined
  readonly job?: string | undefined
  /** The most records. */
  readonly limit?: number | undefined
}

/** A record as it is listed. All dates are milliseconds since 1970. */
export interface ListedRecord {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly state: State
  /** The living process that has the record in its memory. */
  readonly pid?: number
  /** The arguments as they are stored. */
  readonly args: string
  /** The options that were bound to the call, as they are stored. */
  readonly options?: string
  /** The unique key as it is stored. */
  readonly key?: string
  readonly created: number
  readonly attempt: number
  readonly runAt?: number
  readonly failedAt?: number
  /** `failed`, `timed-out` or `poison`. */
  readonly reason?: string
  readonly error?: string | null
}

/** A database of the journal: that of a slot, or the shared one; or a queue of an engine. */
export interface ListedDatabase {
  readonly name: string
  /** A living process has the slot; `undefined` for the shared database, and for a queue. */
  readonly alive: boolean | undefined
  /** The living process that has the slot. */
  readonly pid?: number
  readonly running: number
  readonly pending: number
  readonly failed: number
  /** The pending records that no living process can run. */
  readonly stuck: readonly Stuck[]
  /** The jobs that are paused in all processes, those that no record waits for included: the shared database has them. */
  readonly paused: readonly string[]
  /** The size in bytes; `undefined` for a queue. */
  readonly size?: number
}

/** The records of one job that no process has in its memory. */
export interface JobCounts {
  readonly job: string
  /** Records that any process with room could run now. */
  readonly due: number
  /** Records that are delayed, or wait for the moment of their next attempt. */
  readonly later: number
  /** Records behind another one of their lane. */
  readonly queued: number
  readonly failed: number
  /** The time in ms for which the oldest of those that are due has been so; 0 where there is none. */
  readonly oldestAge: number
}

/** Records of one job that wait for a process that can run them. */
export interface Stuck {
  readonly job: string
  readonly version: number
  readonly state: 'unknown' | 'sealed'
  readonly count: number
}

/** A job that was to be paused or resumed, and whether it was. */
export interface ChangedPause {
  readonly job: string
  readonly done: boolean
  /** Processes live, and none of them knows the job. */
  readonly isUnknown: boolean
}

/** A record that was to be changed, and whether it was. */
export interface Changed {
  readonly id: string
  readonly done: boolean
}

/** The states of records by which they are counted and listed in pages: `later` are pending ones that are delayed or wait for their next attempt. */
export type ShownState = State | 'later' | 'queued'

/** A record of a page, in its state. */
export interface ShownRecord extends Omit<ListedRecord, 'state'> {
  readonly state: ShownState
}

/** The records that a page is to have; without a property, all of them. */
export interface PageQuery {
  readonly state?: ShownState | undefined
  readonly job?: string | undefined
  /** The id, or a part of the job, of the unique key or of the error. */
  readonly search?: string | undefined
  /** The end of the page before. */
  readonly cursor?: string | undefined
  readonly limit: number
}

/** A page of records. It may have few of them, or none, and not be the last one: there is more to look through. */
export interface RecordPage {
  readonly records: readonly ShownRecord[]
  readonly next: string | undefined
}

/** The number of records of a job in a state. */
export interface StateCount {
  readonly job: string
  readonly state: ShownState
  readonly count: number
}

/** A living process of a journal. */
export interface ListedProcess {
  readonly pid: number
  readonly jobs: readonly string[]
  /** The records that run there, by job; `undefined` where the process does not tell. */
  readonly running: readonly { readonly name: string; readonly count: number }[] | undefined
}

/** A record that ran when processes ended, and that is near its end as poison. */
export interface Suspicious {
  readonly id: string
  readonly job: string
  readonly crashes: number
}

/** The overview of a journal. */
export interface Overview {
  readonly counts: readonly StateCount[]
  readonly processes: readonly ListedProcess[]
  readonly suspects: readonly Suspicious[]
  readonly paused: readonly string[]
}
