import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { LogContents } from '../files/log-reader.ts'
import { idOf, recordIdOf, slotOf } from '../files/record-id.ts'
import { keyIdOf, keyIdSql } from '../format/encrypted-text.ts'
import type { KnownJob } from '../protocol.ts'
import { count, type JournalFiles, pages } from './journal-files.ts'
import type { ListedDatabase, ListedRecord, Stuck, WaitingState } from './listed.ts'
import { loggedRows } from './logged-records.ts'

/** A living process: the jobs that it can run, and the ids of its keys. */
interface Living {
  readonly jobs: readonly KnownJob[]
  readonly keyIds: readonly string[]
}

/** A record as a database has it, or a log. */
export type Row = Omit<ListedRecord, 'id' | 'state' | 'key' | 'options'> & {
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
        const size = statSync(database.location() as string).size + this.#files.logSize(name)
        const alive = name === this.#files.shared ? undefined : this.#files.isAlive(Number(name))
        const log = this.#files.log(name)
        const pending = this.#logged(database, log, 'pending')
        const failed = this.#logged(database, log, 'failed')
        return [
          {
            name,
            alive,
            pending: count(database, 'records') + pending.length,
            failed: count(database, 'failed') + failed.length,
            stuck: this.#stuck(database, pending),
            size,
          },
        ]
      }),
    ]
  }

  /** Lists records in the order in which they were deferred, database by database. @param first only the first page of each */
  *records(state: 'pending' | 'failed', first: boolean): Generator<ListedRecord[]> {
    const reader = this
    const rowsOf = function* (database: DatabaseSync, name: string): Generator<Row[]> {
      // The log comes first: records move from there to the database, which may happen meanwhile.
      const logged = new Map(reader.#logged(database, reader.#files.log(name), state).map((row) => [row.key, row]))
      let isFirst = true
      for (const rows of pages<Row>(database, sqlOf[state], first)) {
        for (const { key } of rows) logged.delete(key)
        isFirst = false
        yield rows
      }
      if (logged.size > 0 && (!first || isFirst)) yield [...logged.values()]
    }
    for (const rows of this.#files.each(rowsOf)) yield rows.map((row) => this.#listed(row, state))
  }

  *find(id: string): Generator<ListedRecord | undefined> {
    const recordId = recordIdOf(id)
    for (const state of ['failed', 'pending'] as const) {
      const find = (database: DatabaseSync, name: string) => [
        ...(database.prepare(`${sqlOf[state]} WHERE key = ?`).all(recordId) as unknown as Row[]),
        ...this.#logged(database, this.#files.log(name), state).filter(({ key }) => key === recordId),
      ]
      for (const row of this.#files.each(find)) yield this.#listed(row, state)
    }
    yield undefined
  }

  /** Reads the records that are only in the log beside a database. */
  #logged(database: DatabaseSync, contents: LogContents | undefined, state: 'pending' | 'failed'): Row[] {
    if (contents === undefined) return []
    const table = state === 'failed' ? 'failed' : 'records'
    const inDatabase = database.prepare(`SELECT 1 FROM afterword_${table} WHERE key = ?`)
    return loggedRows(contents, state).filter(({ key }) => inDatabase.get(key) === undefined)
  }

  #stuck(database: DatabaseSync, logged: readonly Row[]): Stuck[] {
    const rows = database
      .prepare(
        `SELECT job, version, ${keyIdSql('args')} AS keyId, count(*) AS count FROM afterword_records GROUP BY 1, 2, 3`,
      )
      .all() as unknown as { job: string; version: number; keyId: string | null; count: number }[]
    const stuck = new Map<string, Stuck>()
    const add = (job: string, version: number, keyId: string | undefined, count: number) => {
      const state = this.#stateOf(job, version, keyId)
      if (state === 'pending') return
      const key = JSON.stringify([job, version, state])
      stuck.set(key, { job, version, state, count: count + (stuck.get(key)?.count ?? 0) })
    }
    for (const { job, version, keyId, count } of rows) add(job, version, keyId ?? undefined, count)
    for (const { job, version, args } of logged) add(job, version, keyIdOf(args), 1)
    return [...stuck.values()]
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
