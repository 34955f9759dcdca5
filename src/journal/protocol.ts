import type { ErrorCode } from '../errors.ts'

// What goes between the thread of the requests and the keeper. Flat arrays of plain values: they are cloned fastest.

/** Where a record is: in the slot of the process that made it, or where any process may take it. */
export type Store = 'own' | 'shared'

/** What is committed at once. */
export interface CommitGroup {
  readonly type: 'group'
  readonly store: Store
  /** Of each record {@link acceptWidth} values. */
  readonly accepts: (string | number | null)[]
  /** The keys of those that are done. */
  readonly done: number[]
  /** What became of others, {@link transitionWidth} values each: what is done, key, and two values that depend on it. */
  readonly transitions: (string | number)[]
}

/**
 * Key, job, version, arguments, options; for shared ones also its delay, whether the process keeps it, what it must be single by, and what else
 * that may have been stored as, in JSON.
 */
export const acceptWidth = { own: 5, shared: 9 } as const
export const transitionWidth = 4

/** What of a group became of one record. */
export type Transition = CommitGroup['transitions']

/** What becomes of a record. */
export const transition = {
  /** It is listed as failed: attempt, reason and error as one text. */
  failed: 1,
  /** It stays in the memory of its process, and is tried again: attempt, delay. */
  retry: 2,
  /** Whoever has room tries it again: attempt, delay. */
  release: 3,
  /** It was handed out, and its process ends in order: whether it had begun. */
  back: 4,
  /** It was handed out, and begins: should its process die now, that counts. */
  begin: 5,
  /** It may have been stored, and was refused: nobody is to run it. */
  withdraw: 6,
} as const

/** A name and a version of a job. */
export type KnownJob = readonly [name: string, version: number]

/** Which jobs a process runs. */
export interface RunnableJobs {
  /** All that it knows. */
  readonly known: readonly KnownJob[]
  /** Those whose records it takes although they are not its own, and nobody has left them. */
  readonly shared: readonly KnownJob[]
}

/** To the keeper. */
export type ToServer =
  | CommitGroup
  /** Records of these jobs can be run. */
  | { readonly type: 'know'; readonly jobs: RunnableJobs }
  /** The keeper is a new one: of what was handed out by the one before, the process has these. */
  | { readonly type: 'resume'; readonly keys: readonly number[] }
  /** Hand out some. @param alone nothing that was handed out runs */
  | { readonly type: 'hand-out'; readonly most: number; readonly alone: boolean }
  /** These slots are this process's from now on. */
  | { readonly type: 'locked'; readonly slots: readonly number[] }
  /** There may be something that nobody has. */
  | { readonly type: 'look' }
  | { readonly type: 'close' }

/** A record that is handed out. */
export interface ClaimedRow {
  readonly store: Store
  readonly recordId: number
  readonly job: string
  readonly version: number
  readonly args: string
  readonly options: string | null
  readonly attempt: number
  readonly crashes: number
  /** It was in a process that has died. */
  readonly orphaned: boolean
}

/** From the keeper. */
export type FromServer =
  /** @param duplicates key by key, the records that were not added, each with the one that is there already */
  | { readonly type: 'committed'; readonly store: Store; readonly duplicates: readonly number[] }
  /** Nothing of the group was stored. */
  | { readonly type: 'refused'; readonly store: Store; readonly message: string }
  /** @param suspects some wait that may end a process, and are handed out alone; `behind`: more are due that any process may take */
  | {
      readonly type: 'handed-out'
      readonly records: readonly ClaimedRow[]
      readonly suspects: boolean
      readonly behind: boolean
    }
  /** There may be records to hand out. */
  | { readonly type: 'loose' }
  /** No living process seems to have the slot. */
  | { readonly type: 'free'; readonly slot: number }
  /** The slot is not needed any more. */
  | { readonly type: 'let-go'; readonly slot: number }
  | { readonly type: 'closed' }
  | { readonly type: 'report'; readonly code: ErrorCode; readonly values: readonly unknown[]; readonly cause?: unknown }
