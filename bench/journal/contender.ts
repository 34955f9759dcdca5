/** The servers that all contenders share. */
export interface Servers {
  /** The folder in which each contender gets one of its own. */
  readonly folder: string
  /** The ports of the Redis that syncs its log every second, and of the one that always does. */
  readonly everysec: number
  readonly always: number
  /** The URL of the Postgres. */
  readonly postgres: string
}

/** The setup of a contender. */
export interface Setup extends Servers {
  /** The contender's own folder. */
  readonly folder: string
  /** Unique among all: for a queue or a schema of its own. */
  readonly name: string
}

/** The work that is measured. */
export type Work =
  /** Called again as soon as it has resolved, by as many as are to be in flight. */
  | { call(): Promise<unknown>; clear?(): Promise<unknown> }
  /** Makes a backlog, then runs it: resolves with the jobs that have run in a second. */
  | { drain(): Promise<number> }

/**
 * `pair`: a call is stored, then settled. `accept`: it is stored. `run`: it is stored, run and settled. `backlog`: many that were
 * stored before are run and settled.
 */
export type Workload = 'pair' | 'accept' | 'run' | 'backlog'

/** A contender keeps work, and is called as its users would. A workload is `undefined` if the contender has no such thing. */
export type Contender = Partial<Record<Workload, (place: Setup) => Promise<Work | undefined>>>
