import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { idOf, recordIdOf, slotOf } from '../files/record-id.ts'
import { keyIdOf, keyIdSql } from '../format/encrypted-text.ts'
import type { KnownJob } from '../protocol.ts'
import { count, type JournalFiles, pages } from './journal-files.ts'
import type { ListedDatabase, ListedRecord, Stuck, WaitingState } from './listed.ts'

/** A living process: the jobs that it can run, and the ids of its keys. */
interface Living {
  readonly jobs: readonly KnownJob[]
  readonly keyIds: readonly string[]
}

type Row = Omit<ListedRecord, 'id' | 'state' | 'key' | 'options'> & {
  readonly key: number
  readonly options: string | null
  readonly singleton: string | null
}

const sqlOf = {
  pending: `SELECT key, job, version, args, options, created, attempt, run_at AS runAt, singleton
    FROM afterword_records`,
  failed: `SELECT key, job, version, args, options, created, attempt, failed_at AS failedAt, reason, error, singleton
    FROM afterword_failed`,
} as const

/** The reader lists the records of a journal. Each method yields its answer, or its pages. */
export class RecordReader {
  readonly #files: JournalFiles
  #living: readonly Living[] | undefined

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *databases(): Generator<ListedDatabase[]> {
    yield [
      ...this.#files.each((database, name) => {
        const size = statSync(database.location() as string).size
        const alive = name === this.#files.shared ? undefined : this.#files.isAlive(Number(name))
        const stuck = this.#stuck(database)
        return [{ name, alive, pending: count(database, 'records'), failed: count(database, 'failed'), stuck, size }]
      }),
    ]
  }

  /** Lists records in the order in which they were deferred, database by database. @param first only the first page of each */
  *records(state: 'pending' | 'failed', first: boolean): Generator<ListedRecord[]> {
    for (const rows of this.#files.each((database) => pages<Row>(database, sqlOf[state], first))) {
      yield rows.map((row) => this.#listed(row, state))
    }
  }

  *find(id: string): Generator<ListedRecord | undefined> {
    for (const state of ['failed', 'pending'] as const) {
      const find = (database: DatabaseSync) => database.prepare(`${sqlOf[state]} WHERE key = ?`).all(recordIdOf(id))
      for (const row of this.#files.each(find)) yield this.#listed(row as unknown as Row, state)
    }
    yield undefined
  }

  #stuck(database: DatabaseSync): Stuck[] {
    const rows = database
      .prepare(
        `SELECT job, version, ${keyIdSql('args')} AS keyId, count(*) AS count FROM afterword_records GROUP BY 1, 2, 3`,
      )
      .all() as unknown as { job: string; version: number; keyId: string | null; count: number }[]
    return rows.flatMap(({ job, version, keyId, count }) => {
      const state = this.#stateOf(job, version, keyId ?? undefined)
      return state === 'pending' ? [] : [{ job, version, state, count }]
    })
  }

  #stateOf(job: string, version: number, keyId: string | undefined): WaitingState {
    const living = (this.#living ??= this.#findLiving())
    const knowing = living.filter(({ jobs }) => jobs.some(([name, latest]) => name === job && latest >= version))
    if (living.length > 0 && knowing.length === 0) return 'unknown'
    const isReadable =
      keyId === undefined || living.length === 0 || knowing.some(({ keyIds }) => keyIds.includes(keyId))
    return isReadable ? 'pending' : 'sealed'
  }

  #findLiving(): Living[] {
    const { shared } = this.#files
    const select = 'SELECT process, jobs, seals FROM afterword_processes'
    const rows = this.#files.each((database, name) => (name === shared ? database.prepare(select).all() : []))
    return ([...rows] as unknown as { process: number; jobs: string; seals: string }[])
      .filter(({ process }) => this.#files.isAlive(slotOf(process)))
      .map(({ jobs, seals }) => ({ jobs: JSON.parse(jobs), keyIds: JSON.parse(seals) }))
  }

  #listed({ key, options, singleton, ...row }: Row, state: 'pending' | 'failed'): ListedRecord {
    return {
      ...row,
      id: idOf(key),
      state: state === 'failed' ? state : this.#stateOf(row.job, row.version, keyIdOf(row.args)),
      ...(options !== null && { options }),
      ...(singleton !== null && { key: singleton }),
    }
  }
}
