import type { ErrorCode } from '../errors.ts'
import type { Sync } from './files/database.ts'

// The messages between the journal's client, in the thread of the requests, and its server. Flat arrays of plain values: they are
// cloned fastest.

/** The options of a server. */
export interface ServerOptions {
  /** The number of the process, in its slot. */
  readonly process: number
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
  /** The most failed records that stay listed, in each database. */
  readonly maxFailed: number
}

/** The options of a server in a thread of its own, on a folder. */
export interface FolderServerOptions extends ServerOptions {
  readonly folder: string
  readonly sync: Sync
  /** The slots that this process has lost: their records are in its memory. */
  readonly lost?: readonly number[]
  /** The ids of the keys by which this process decrypts. */
  readonly keyIds: readonly string[]
}

/** The store of a record: the database of the process that made the record, or the database that all processes share. */
export type Store = 'own' | 'shared'

/** A group is committed in one transaction of each database that it changes. */
export interface CommitGroup {
  readonly type: 'group'
  readonly store: Store
  /**
   * The records that move from the log to the database, {@link moveWidth} values each: id, offset of the frame in the log and, for a record
   * that is tried again, attempt, moment by `Date.now()` and delay in ms, else zeros; then, in JSON, the other forms in which a process with
   * other keys may have stored the record's unique key.
   */
  readonly moves: (number | string | null)[]
  /** The ids of records that are done. */
  readonly done: number[]
  /** The transitions of other records, {@link transitionWidth} values each: kind, record id, and two values that depend on the kind. */
  readonly transitions: (string | number)[]
}

export const moveWidth = 6
export const transitionWidth = 4

/** The transition of one record. */
export type Transition = CommitGroup['transitions']

/** The kinds of transitions. */
export const transition = {
  /** The record is listed as failed: attempt, reason and error as one text. */
  failed: 1,
  /** The record stays in the memory of its process, and is tried again: attempt, delay. */
  retry: 2,
  /** Any worker with room tries the record again: attempt, delay. */
  release: 3,
  /** The record was claimed, and its process ends in order. */
  handBack: 4,
  /** The record is orphaned and claimed, and its run begins: should the process die now, that may tell something. */
  begin: 5,
  /** The options and notes of the record are others: the text to store. */
  options: 6,
  /** The record is done, and its unique key stays taken for a time, in ms. */
  doneWithKey: 7,
} as const

/** A job's name and version. */
export type KnownJob = readonly [name: string, version: number]

/** The jobs that a process runs. */
export interface RunnableJobs {
  /** All jobs that the process knows. */
  readonly known: readonly KnownJob[]
  /** The jobs whose shared records the process claims, besides those of dead processes. */
  readonly shared: readonly KnownJob[]
}

/** A message to the server. */
export type ToServer =
  | CommitGroup
  /** Writes a segment of the log in full. */
  | { readonly type: 'prepare'; readonly offset: number; readonly bytes: number }
  /** Syncs the log. @param number that of the answer */
  | { readonly type: 'sync'; readonly number: number }
  /** The process gives ids of a block that begins with this record: the next process of the slot begins behind it. */
  | { readonly type: 'block'; readonly recordId: number }
  /** Sets the jobs whose records can be run. */
  | { readonly type: 'jobs'; readonly jobs: RunnableJobs }
  /** The server is a new one: of the claims of the server before, the process has these. */
  | { readonly type: 'resume'; readonly claimed: readonly number[] }
  /** Asks for claims. @param rooms how many calls of each limited job can begin */
  | {
      readonly type: 'claim'
      readonly most: number
      readonly rooms: readonly (readonly [job: string, room: number])[]
    }
  /** The process has the locks of these slots. */
  | { readonly type: 'adopt'; readonly slots: readonly number[] }
  /** Some record may be claimable, and files may not be the journal's any more. */
  | { readonly type: 'look' }
  /** The process is about to end: that its end comes while records run tells nothing of them. */
  | { readonly type: 'ending' }
  /**
   * Withdraws a record that waits, in whichever process.
   * @param number that of the answer @param of the id of the record, or its job and, in JSON, the forms in which its unique key may be stored
   */
  | {
      readonly type: 'withdraw'
      readonly number: number
      readonly of: number | { readonly job: string; readonly keys: string }
    }
  /** Answers `asked`: the ids of the records, each with whether it was withdrawn; `undefined` for one that is not in memory. */
  | { readonly type: 'found'; readonly records: readonly (readonly [recordId: number, done: boolean | undefined])[] }
  /** Answers `asked`: the ids of the records that run. */
  | { readonly type: 'running'; readonly records: readonly number[] }
  /** Pauses a job in all processes, or resumes it. @param number that of the answer */
  | { readonly type: 'pause'; readonly number: number; readonly job: string; readonly isPaused: boolean }
  /** The slot is not this process's any more. */
  | { readonly type: 'retire' }
  /** The process claims nothing any more. */
  | { readonly type: 'stop' }
  /** Asks whether the thread is stuck: it answers by setting the first number to 1. */
  | { readonly type: 'ask'; readonly answer: Int32Array }
  /** Ends the server. @param within the time in ms that it may take to leave all in order @param kept the ids of records that still run */
  | { readonly type: 'close'; readonly within: number; readonly kept: readonly number[] }

/** A record that is claimed. */
export interface ClaimedRow {
  readonly store: Store
  readonly recordId: number
  readonly job: string
  readonly version: number
  readonly args: string
  readonly options: string | null
  readonly attempt: number
  /** The number of ends of processes that speak against the record; the time in ms that a run of it has lasted. */
  readonly crashes: number
  readonly ran: number
  /** The process of the record has died. */
  readonly orphaned: boolean
}

/** A message from the server. */
export type FromServer =
  /**
   * The group is stored.
   * @param duplicates pairs of ids: a record that was not added, and the record that stands for it
   * @param left the part that could not be stored yet: transitions of records in the databases of dead processes
   */
  | {
      readonly type: 'committed'
      readonly store: Store
      readonly duplicates: readonly number[]
      readonly left?: CommitGroup
    }
  /** The group was not stored. @param left the part of it that was not */
  | { readonly type: 'refused'; readonly store: Store; readonly left: CommitGroup }
  /** Answers `prepare`. @param error is set where that failed */
  | { readonly type: 'prepared'; readonly error?: string }
  /** Answers `sync`. @param error is set where that failed */
  | { readonly type: 'synced'; readonly number: number; readonly error?: string }
  /**
   * Answers `claim`.
   * @param behind more shared records are due
   * @param full the jobs with records that are due, and that had no room: the client asks again when they have some
   */
  | {
      readonly type: 'claimed'
      readonly records: readonly ClaimedRow[]
      readonly behind: boolean
      readonly full: readonly string[]
    }
  /** Some record may be claimable. */
  | { readonly type: 'claimable' }
  /** Answers `withdraw`. @param done whether the record was withdrawn; `undefined` if that is not known */
  | { readonly type: 'withdrawn'; readonly number: number; readonly done: boolean | undefined }
  /** The jobs that are paused have changed. */
  | { readonly type: 'paused'; readonly jobs: readonly string[] }
  /** Answers `pause`. */
  | { readonly type: 'pause-stored'; readonly number: number; readonly isStored: boolean }
  /** Records are to be withdrawn, if they wait in memory. @param records `undefined` where the question is which records run */
  | { readonly type: 'asked'; readonly records: readonly number[] | undefined }
  /** No living process seems to have the slot. */
  | { readonly type: 'orphaned-slot'; readonly slot: number }
  /** The slot is not needed any more. */
  | { readonly type: 'released-slot'; readonly slot: number }
  /** Answers `ending`: the end of the process tells nothing from now on. */
  | { readonly type: 'end-noted' }
  | { readonly type: 'closed' }
  | { readonly type: 'report'; readonly code: ErrorCode; readonly values: readonly unknown[]; readonly cause?: unknown }

/** The exit code of a server's thread that has reported why it ends, and is to be started again. */
export const restartCode = 75
