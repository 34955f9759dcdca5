import { clock } from '../../clock.ts'
import { idOf } from '../files/record-id.ts'
import { owner } from '../files/schema.ts'
import { keyIdOf } from '../format/encrypted-text.ts'
import type { JournalFiles } from './journal-files.ts'
import type { ListedProcess, Overview, ShownState, StateCount, Suspicious } from './listed.ts'
import { RecordReader } from './record-reader.ts'

/** The most suspicious records that are told. */
const mostSuspects = 20
/** The number of crashes of a record from which on it is told: one more process that dies with it, and one after that, list it as failed. */
const suspiciousCrashes = 2

interface KindRow {
  readonly owner: number
  /** The version, the id of the key that encrypts the record, and the job, separated by colons. */
  readonly kind: string
  readonly due: number
  readonly later: number
}

// The indexes have all that is asked for: of a million records that nobody runs, no arguments are read.
const waitingSql = `SELECT owner, kind, sum(run_at <= :now) AS due, sum(run_at > :now) AS later
  FROM afterword_records WHERE owner <= 0 GROUP BY owner, kind`
const ownedSql = `SELECT 1 AS owner, kind, sum(run_at <= :now) AS due, sum(run_at > :now) AS later
  FROM afterword_records WHERE owner > 0 GROUP BY kind`
const failedSql = 'SELECT job, count(*) AS failed FROM afterword_failed GROUP BY job'
const suspectSql = `SELECT key, job, crashes FROM afterword_records WHERE crashes > 0 AND crashes >= ${suspiciousCrashes}
  ORDER BY crashes DESC LIMIT ${mostSuspects}`

/** The overview of a journal counts its records by job and state, and tells of its processes and its suspects. */
export class RecordOverview {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *read(): Generator<Overview> {
    this.#files.openNew()
    const reader = new RecordReader(this.#files)
    const counts = new Counts()
    const running = [...reader.records({ state: 'running' })].flat()
    for (const { job } of running) counts.add(job, 'running', 1)
    this.#countWaiting(reader, counts, running)
    const failed = this.#files.each((database, name) => {
      const logged = reader.log(database, name)?.failedHere ?? []
      const rows = database.prepare(failedSql).all() as unknown as { job: string; failed: number }[]
      return [...rows, ...logged.map(({ job }) => ({ job, failed: 1 }))]
    })
    for (const { job, failed: count } of failed) counts.add(job, 'failed', count)
    yield {
      counts: counts.all,
      processes: this.#processes(reader, running),
      suspects: this.#suspects(),
      paused: [...reader.states.pausedJobs],
    }
  }

  #countWaiting(reader: RecordReader, counts: Counts, running: readonly { readonly job: string }[]): void {
    const now = clock.date()
    const add = ({ owner: of, kind, due, later }: KindRow) => {
      const [version, keyId, ...name] = kind.split(':')
      const job = name.join(':')
      const state = reader.states.of(job, Number(version), keyId || undefined)
      if (of === owner.queued) return counts.add(job, 'queued', due + later)
      counts.add(job, state, due + (state === 'pending' ? 0 : later))
      if (state === 'pending') counts.add(job, 'later', later)
    }
    for (const row of this.#files.each((database, name) => {
      const rows = [waitingSql, ownedSql].flatMap((sql) => database.prepare(sql).all({ now }))
      return [...(rows as unknown as KindRow[]), ...this.#logged(reader, database, name, now)]
    })) {
      add(row)
    }
    // A record that runs is in a database, or in a log, as one that waits.
    for (const { job } of running) counts.add(job, 'pending', -1)
  }

  #logged(reader: RecordReader, database: Parameters<RecordReader['log']>[0], name: string, now: number): KindRow[] {
    const log = reader.log(database, name)
    if (log === undefined) return []
    return Array.from(log.pendingHere(), ({ job, version, args, runAt = 0 }) => {
      const isDue = runAt <= now
      return {
        owner: 1,
        kind: `${version}:${keyIdOf(args) ?? ''}:${job}`,
        due: isDue ? 1 : 0,
        later: isDue ? 0 : 1,
      }
    })
  }

  #processes(
    reader: RecordReader,
    running: readonly { readonly job: string; readonly pid?: number }[],
  ): ListedProcess[] {
    return reader.holders.living.map(({ pid, jobs, running: told }) => ({
      pid,
      jobs: jobs.map(([name]) => name),
      running: told && countsOf(running.flatMap((record) => (record.pid === pid ? record.job : []))),
    }))
  }

  #suspects(): Suspicious[] {
    const rows = this.#files.each((database) => database.prepare(suspectSql).all())
    const found = [...rows] as unknown as { key: number; job: string; crashes: number }[]
    return found.slice(0, mostSuspects).map(({ key, job, crashes }) => ({ id: idOf(key), job, crashes }))
  }
}

/** Counts by job and state. */
class Counts {
  readonly #counts = new Map<string, { job: string; state: ShownState; count: number }>()

  add(job: string, state: ShownState, count: number): void {
    const key = JSON.stringify([job, state])
    const before = this.#counts.get(key)
    if (before !== undefined) before.count += count
    else if (count !== 0) this.#counts.set(key, { job, state, count })
  }

  get all(): StateCount[] {
    return [...this.#counts.values()].filter(({ count }) => count > 0)
  }
}

function countsOf(names: readonly string[]) {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return Array.from(counts, ([name, count]) => ({ name, count }))
}
