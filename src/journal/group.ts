// What goes between the thread of the requests and that of the journal. Flat arrays of plain values: they are cloned fastest.

/** What is committed at once: in `accepts` each record takes {@link acceptWidth} values, in `settles` {@link settleWidth}. */
export interface Group {
  readonly type: 'group'
  /** Key, job, arguments, when it was created, when it is due, and whether it is in nobody's memory until then. */
  readonly accepts: (string | number)[]
  /** What is done, slot, key, and two values that depend on it. */
  readonly settles: (string | number)[]
}

export const acceptWidth = 6
export const settleWidth = 5

/** What becomes of a record. */
export const settle = {
  /** It is deleted. */
  done: 0,
  /** It is listed as failed: attempt, reason and error as one text. */
  failed: 1,
  /** It is tried again: attempt, when. */
  retry: 2,
  /** It was handed out, and its process ends in order: whether it had begun. */
  back: 3,
  /** It was handed out, and begins: should its process die now, that counts. */
  begin: 4,
} as const

/** To the journal's thread. */
export type ToThread =
  | Group
  /** Records of these jobs can be run: hand out some. */
  | { readonly type: 'hand-out'; readonly jobs: readonly string[]; readonly most: number }
  | { readonly type: 'close' }

/** A record that is handed out. */
export interface HandedOut {
  readonly slot: number
  readonly key: number
  readonly job: string
  readonly args: string
  readonly attempt: number
  readonly crashes: number
  readonly runAt: number
}

/** From the journal's thread. */
export type FromThread =
  | { readonly type: 'committed' }
  /** Nothing of the group was stored. */
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'handed-out'; readonly records: readonly HandedOut[] }
  /** There may be records to hand out. */
  | { readonly type: 'loose' }
  | { readonly type: 'closed' }
  | { readonly type: 'report'; readonly code: string; readonly values: readonly unknown[] }
