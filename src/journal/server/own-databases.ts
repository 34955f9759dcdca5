import type { RunnableJobs } from '../protocol.ts'
import type { RecordTable } from './record-table.ts'

/** The databases of the slots whose records are this process's. */
export interface OwnDatabases {
  readonly tables: readonly RecordTable[]
  /** The table of a record; `undefined` if its slot was released: then no table has the record any more. */
  of(recordId: number): RecordTable | undefined
  /**
   * Looks for slots of dead processes, and lets go of slots that this process does not need.
   * @param jobs the jobs that this process runs @returns whether more slots wait to be looked at
   */
  update(jobs: RunnableJobs, slots: SlotsInUse): boolean
  /** Adopts a slot whose lock this process has. @returns its table; `undefined` where there is no new one */
  adopt(slot: number): RecordTable | undefined
  /** Moves the next records from the log of an adopted slot to the databases. @returns whether more follow */
  recover(slot: number): boolean
  /** The log of an adopted slot is not read yet. */
  isRecovering(slot: number): boolean
  /** Some slots are about to be adopted, or their logs are not moved yet. */
  readonly areRecovering: boolean
}

export interface SlotsInUse {
  /** Frees the claims of a slot's dead processes, while this process has its lock. @returns false where more are left */
  release(slot: number): boolean
  /** The slots to keep. */
  readonly keep: ReadonlySet<number>
}
