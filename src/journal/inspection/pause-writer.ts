import type { DatabaseSync } from 'node:sqlite'
import { PausedJobs } from '../files/paused-jobs.ts'
import { atomically } from '../files/transaction.ts'
import { Holders } from './holders.ts'
import type { JournalFiles } from './journal-files.ts'
import type { ChangedPause } from './listed.ts'

/** The writer pauses jobs, and resumes them, in the shared database: living processes look there. Each method yields its answer. */
export class PauseWriter {
  readonly #files: JournalFiles
  readonly #holders: Holders

  constructor(files: JournalFiles) {
    this.#files = files
    this.#holders = new Holders(files)
  }

  *set(jobs: readonly string[], isPaused: boolean): Generator<ChangedPause[]> {
    const change = (database: DatabaseSync) => {
      if (!PausedJobs.isIn(database)) {
        throw new Error('An earlier release has made this journal. Start a process of this one first.')
      }
      const paused = new PausedJobs(database)
      const before = paused.all
      for (const job of jobs) paused.set(job, isPaused)
      return [before]
    }
    const [before] = [...this.#files.inShared((database) => atomically(database, () => change(database)))]
    if (before === undefined) {
      throw new Error(this.#files.unreadable.join('\n') || 'This journal has no shared database.')
    }
    const { living } = this.#holders
    const known = new Set(living.flatMap(({ jobs }) => jobs.map(([name]) => name)))
    yield jobs.map((job) => {
      const isUnknown = living.length > 0 && !known.has(job)
      return { job, done: isPaused || before.includes(job), isUnknown }
    })
  }
}
