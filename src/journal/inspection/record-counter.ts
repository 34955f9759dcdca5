import { clock } from '../../clock.ts'
import { owner } from '../files/schema.ts'
import type { JournalFiles } from './journal-files.ts'
import type { JobCounts } from './listed.ts'

interface WaitingRow {
  readonly owner: number
  /** The version, the id of the key that encrypts the record, and the job, separated by colons. */
  readonly kind: string
  readonly due: number
  readonly later: number
  readonly first: number
}

// The index has all that is asked for: of a million records no arguments are read.
const waitingSql = `SELECT owner, kind, sum(run_at <= :now) AS due, sum(run_at > :now) AS later, min(run_at) AS first
  FROM afterword_records WHERE owner <= 0 GROUP BY owner, kind`
const failedSql = 'SELECT job, count(*) AS failed FROM afterword_failed GROUP BY job'

/** The counter counts the records that no process has in its memory, by job: those that wait for any process, and those that have failed. */
export class RecordCounter {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *jobs(): Generator<JobCounts[]> {
    const now = clock.date()
    const jobs = new Map<string, JobCounts>()
    const add = (job: string, more: Partial<JobCounts>) => {
      const { due, later, queued, failed, oldestAge } = jobs.get(job) ?? none
      jobs.set(job, {
        job,
        due: due + (more.due ?? 0),
        later: later + (more.later ?? 0),
        queued: queued + (more.queued ?? 0),
        failed: failed + (more.failed ?? 0),
        oldestAge: Math.max(oldestAge, more.oldestAge ?? 0),
      })
    }
    this.#files.openNew()
    const waiting = this.#files.each((database) => database.prepare(waitingSql).all({ now }) as unknown as WaitingRow[])
    for (const { owner: of, kind, due, later, first } of waiting) {
      const job = kind.split(':').slice(2).join(':')
      if (of === owner.queued) add(job, { queued: due + later })
      else add(job, { due, later, oldestAge: due > 0 ? now - first : 0 })
    }
    const failed = this.#files.each(
      (database) => database.prepare(failedSql).all() as unknown as { job: string; failed: number }[],
    )
    for (const { job, failed: count } of failed) add(job, { failed: count })
    yield [...jobs.values()].sort((a, b) => (a.job < b.job ? -1 : 1))
  }
}

const none = { due: 0, later: 0, queued: 0, failed: 0, oldestAge: 0 }
