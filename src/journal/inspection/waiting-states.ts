import { PausedJobs } from '../files/paused-jobs.ts'
import type { Holders } from './holders.ts'
import type { JournalFiles } from './journal-files.ts'
import type { WaitingState } from './listed.ts'

/** The states of records that wait: they depend on what the living processes know, and on which jobs are paused. */
export class WaitingStates {
  readonly #files: JournalFiles
  readonly #holders: Holders
  #paused: readonly string[] | undefined

  constructor(files: JournalFiles, holders: Holders) {
    this.#files = files
    this.#holders = holders
  }

  /** @param keyId the id of the key that decrypts the arguments; `undefined` where they are stored as they are */
  of(job: string, version: number, keyId: string | undefined): WaitingState {
    const { living } = this.#holders
    const knowing = living.filter(({ jobs }) => jobs.some(([name, latest]) => name === job && latest >= version))
    if (living.length > 0 && knowing.length === 0) return 'unknown'
    const isReadable =
      keyId === undefined || living.length === 0 || knowing.some(({ keyIds }) => keyIds.includes(keyId))
    if (!isReadable) return 'sealed'
    return this.pausedJobs.includes(job) ? 'paused' : 'pending'
  }

  /** The jobs that are paused in all processes. They are read once. */
  get pausedJobs(): readonly string[] {
    this.#paused ??= [
      ...this.#files.inShared((database) => (PausedJobs.isIn(database) ? new PausedJobs(database).all : [])),
    ]
    return this.#paused
  }
}
