import type { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { slotOf } from '../files/record-id.ts'
import { owner } from '../files/schema.ts'
import type { JournalFiles } from './journal-files.ts'
import type { JobCounts } from './listed.ts'
import { RecordReader } from './record-reader.ts'

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
const ownedSql = `SELECT owner, kind, sum(run_at <= :now) AS due, sum(run_at > :now) AS later, min(run_at) AS first
  FROM afterword_records WHERE owner > 0 GROUP BY owner, kind`
const failedSql = 'SELECT job, count(*) AS failed FROM afterword_failed GROUP BY job'

/**
 * The counter counts the records that no process has in its memory, by job: those that wait for any process, those that a dead process has left
 * and no other one has taken over yet, and those that have failed.
 */
export class RecordCounter {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *jobs(): Generator<JobCounts[]> {
    this.#files.openNew()
    const now = clock.date()
    const counts = new Map<string, JobCounts>()
    const alive = new Map<number, boolean>()
    const isAlive = (slot: number) => {
      const known = alive.get(slot) ?? this.#files.isAlive(slot)
      alive.set(slot, known)
      return known
    }
    const reader = new RecordReader(this.#files)
    const all = this.#files.each((database, name) => {
      const isLeft = name !== this.#files.shared && !isAlive(Number(name))
      return [
        ...waitingIn(database, now, (of) => !isAlive(slotOf(of))),
        ...failedIn(database),
        ...(isLeft ? loggedIn(reader, database, name, now) : []),
      ]
    })
    for (const { job, ...more } of all) {
      const { due, later, queued, failed, oldestAge } = counts.get(job) ?? none
      counts.set(job, {
        job,
        due: due + (more.due ?? 0),
        later: later + (more.later ?? 0),
        queued: queued + (more.queued ?? 0),
        failed: failed + (more.failed ?? 0),
        oldestAge: Math.max(oldestAge, more.oldestAge ?? 0),
      })
    }
    yield [...counts.values()].sort((a, b) => (a.job < b.job ? -1 : 1))
  }
}

type Counted = Pick<JobCounts, 'job'> & Partial<JobCounts>

const none = { due: 0, later: 0, queued: 0, failed: 0, oldestAge: 0 }

/** @param isLeft the owner is no living process */
function waitingIn(database: DatabaseSync, now: number, isLeft: (of: number) => boolean): Counted[] {
  const rows = [waitingSql, ownedSql].flatMap((sql) => database.prepare(sql).all({ now })) as unknown as WaitingRow[]
  return rows
    .filter(({ owner: of }) => of <= 0 || isLeft(of))
    .map(({ owner: of, kind, due, later, first }) => {
      const job = kind.split(':').slice(2).join(':')
      if (of === owner.queued) return { job, queued: due + later }
      return { job, due, later, oldestAge: due > 0 ? now - first : 0 }
    })
}

const failedIn = (database: DatabaseSync) => database.prepare(failedSql).all() as unknown as Counted[]

/** Counts the records of a log that are in no database. */
function loggedIn(reader: RecordReader, database: DatabaseSync, name: string, now: number): Counted[] {
  const log = reader.log(database, name)
  if (log === undefined) return []
  const waiting = Array.from(log.pendingHere(), ({ job, created, runAt = created }) =>
    runAt > now ? { job, later: 1 } : { job, due: 1, oldestAge: now - runAt },
  )
  return [...waiting, ...log.failedHere.map(({ job }) => ({ job, failed: 1 }))]
}
