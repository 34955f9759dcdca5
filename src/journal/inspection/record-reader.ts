import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { isShared } from '../files/log-format.ts'
import { LogNotes } from '../files/log-notes.ts'
import { idOf } from '../files/record-id.ts'
import { keyIdOf, keyIdSql } from '../format/encrypted-text.ts'
import { type Holder, Holders } from './holders.ts'
import { count, type JournalFiles, pageSize, pages } from './journal-files.ts'
import type { ListedDatabase, ListedRecord, RecordFilter, Stuck } from './listed.ts'
import { LoggedRecords } from './logged-records.ts'
import { WaitingStates } from './waiting-states.ts'

/** A record as a database has it, or a log. */
export type Row = Omit<ListedRecord, 'id' | 'state' | 'pid' | 'key' | 'options'> & {
  readonly key: number
  readonly options: string | null
  readonly singleton: string | null
  /** The process that has the record, if it is in no log. */
  readonly owner?: number
}

/** The number of records of a job in one version, under one key of encryption. */
interface Kind {
  readonly job: string
  readonly version: number
  readonly keyId: string | null
  readonly count: number
}

/** Rows that were found; with the living process in whose log they are. */
interface Found {
  readonly rows: readonly Row[]
  readonly holder?: Holder | undefined
}

const sqlOf = {
  pending: `SELECT key, job, version, args, options, created, attempt, run_at AS runAt, owner, singleton
    FROM afterword_records`,
  failed: `SELECT key, job, version, args, options, created, attempt, failed_at AS failedAt, reason, error, singleton
    FROM afterword_failed`,
} as const

/** The reader lists the records of a journal. Each method yields its answer, or its pages. */
export class RecordReader {
  readonly #files: JournalFiles
  /** The living processes of the journal. */
  readonly holders: Holders
  readonly #logs = new Map<string, LoggedRecords | undefined>()
  /** The records that a log has listed, and that move to the shared database: they may do so before that is read. */
  readonly #forwarding = new Set<number>()
  readonly states: WaitingStates

  constructor(files: JournalFiles) {
    this.#files = files
    this.holders = new Holders(files)
    this.states = new WaitingStates(files, this.holders)
  }

  *databases(): Generator<ListedDatabase[]> {
    yield [...this.#files.each((database, name) => [this.#database(database, name)])]
  }

  /** Lists records: what has failed, then the others, each in the order in which they were deferred, database by database. */
  *records({ state, job, limit = Infinity }: RecordFilter = {}): Generator<ListedRecord[]> {
    let left = limit
    for (const found of this.#found(state, job)) {
      const listed = found.rows.map((row) => this.listed(row, found.holder))
      const page = state === undefined ? listed : listed.filter((record) => record.state === state)
      if (page.length > 0) yield page.slice(0, left)
      left -= page.length
      if (left <= 0) return
    }
  }

  *find(id: string): Generator<ListedRecord | undefined> {
    const recordId = this.#files.recordIdOf(id)
    const find = this.#files.each((database, name) => [
      ...this.#rowsOf(database, name, 'failed', [recordId]),
      ...this.#rowsOf(database, name, 'pending', [recordId]),
    ])
    for (const { rows, holder } of find) for (const row of rows) yield this.listed(row, holder)
    yield undefined
  }

  #found(state: RecordFilter['state'], job: string | undefined): Iterable<Found> {
    const each = (items: (database: DatabaseSync, name: string) => Iterable<Found>) => this.#files.each(items)
    const failed = () => each((database, name) => this.#pagesOf(database, name, 'failed', job))
    const others = () => each((database, name) => this.#pagesOf(database, name, 'pending', job))
    if (state === 'failed') return failed()
    if (state === 'running') return each((database, name) => this.#runningIn(database, name, job))
    if (state !== undefined) return others()
    return (function* () {
      yield* failed()
      yield* others()
    })()
  }

  /** Reads a page of records after the other. */
  *#pagesOf(
    database: DatabaseSync,
    name: string,
    table: 'pending' | 'failed',
    job: string | undefined,
  ): Generator<Found> {
    // The log comes first: records move from there to the database, which may happen meanwhile.
    const log = this.log(database, name)
    const failed = log === undefined || table === 'pending' ? [] : log.failed
    const inLog = table === 'pending' ? log : new Set(failed.map(({ key }) => key))
    const moved = new Set<number>()
    for (const rows of pages<Row>(database, sqlOf[table], job)) {
      for (const { key } of rows) if (inLog?.has(key)) moved.add(key)
      yield { rows: name === this.#files.shared ? rows.filter(({ key }) => !this.#forwarding.has(key)) : rows }
    }
    if (log === undefined) return
    const holder = this.holders.bySlot(Number(name))
    const isWanted = (row: Row) => !moved.has(row.key) && (job === undefined || row.job === job)
    const listed = (rows: readonly Row[]): Found => {
      const wanted = rows.filter(isWanted)
      for (const { key, owner: by = 0, singleton } of wanted) if (isShared(by, singleton)) this.#forwarding.add(key)
      return { rows: wanted, holder }
    }
    if (table === 'failed') return yield listed(failed)
    const byId = database.prepare(`${sqlOf.pending} WHERE key = ?`)
    for (const ids of inPages(log.pendingIds())) {
      const rows = [...log.pending(ids)]
      yield listed(rows)
      // The log has some no more: those that have not ended are in the database by now.
      const found = new Set(rows.map(({ key }) => key))
      const left = ids.filter((id) => !found.has(id)).flatMap((id) => byId.all(id) as unknown as Row[])
      yield { rows: left.filter(isWanted) }
    }
  }

  /** Reads the records that run: living processes have told which. */
  *#runningIn(database: DatabaseSync, name: string, job: string | undefined): Generator<Found> {
    const ids = this.holders.living.flatMap(({ running }) => [...(running ?? [])]).sort((a, b) => a - b)
    for (const { rows, holder } of this.#rowsOf(database, name, 'pending', ids)) {
      yield { rows: rows.filter((row) => job === undefined || row.job === job), holder }
    }
  }

  /** Reads records by their ids, those of the database first. */
  *#rowsOf(
    database: DatabaseSync,
    name: string,
    table: 'pending' | 'failed',
    ids: readonly number[],
  ): Generator<Found> {
    const log = this.log(database, name)
    const byId = database.prepare(`${sqlOf[table]} WHERE key = ?`)
    const rows = ids.flatMap((id) => byId.all(id) as unknown as Row[])
    yield { rows }
    if (log === undefined) return
    const rest = ids.filter((id) => !rows.some(({ key }) => key === id))
    const logged =
      table === 'failed'
        ? log.failed.filter(({ key }) => rest.includes(key))
        : log.pending(rest.filter((id) => log.has(id)))
    yield { rows: [...logged], holder: this.holders.bySlot(Number(name)) }
  }

  /** Reads a log once: the records that have ended meanwhile are listed as they were. */
  log(database: DatabaseSync, name: string): LoggedRecords | undefined {
    if (!this.#logs.has(name)) {
      const contents = this.#files.log(name)
      const slot = Number(name)
      const [lastForwarded = 0] = contents === undefined ? [] : this.#lastForwarded(slot)
      const log = contents && new LoggedRecords({ slot, contents, database, lastForwarded })
      this.#logs.set(name, log)
    }
    return this.#logs.get(name)
  }

  #lastForwarded(slot: number): number[] {
    return [...this.#files.inShared((shared) => [new LogNotes(shared).lastForwarded(slot)])]
  }

  #database(database: DatabaseSync, name: string): ListedDatabase {
    const isShared = name === this.#files.shared
    const size = statSync(database.location() as string).size + this.#files.logSize(name)
    const log = this.log(database, name)
    const failed = log?.failedHere ?? []
    const logged = kindsOf(log?.pendingHere() ?? [])
    const running = [...this.#runningIn(database, name, undefined)].reduce((sum, { rows }) => sum + rows.length, 0)
    const alive = isShared ? undefined : this.#files.isAlive(Number(name))
    // A process has the slots of dead ones as well, while it takes over their records.
    const pid = alive ? (this.holders.bySlot(Number(name))?.pid ?? this.#files.pidOf(Number(name))) : undefined
    return {
      name,
      alive,
      ...(pid !== undefined && { pid }),
      running,
      pending: count(database, 'records') + logged.reduce((sum, { count }) => sum + count, 0) - running,
      failed: count(database, 'failed') + failed.length,
      stuck: this.#stuck(database, logged),
      paused: isShared ? this.states.pausedJobs : [],
      size,
    }
  }

  #stuck(database: DatabaseSync, logged: readonly Kind[]): Stuck[] {
    const rows = database
      .prepare(
        `SELECT job, version, ${keyIdSql('args')} AS keyId, count(*) AS count FROM afterword_records GROUP BY 1, 2, 3`,
      )
      .all() as unknown as Kind[]
    const stuck = new Map<string, Stuck>()
    for (const { job, version, keyId, count } of [...rows, ...logged]) {
      const state = this.states.of(job, version, keyId ?? undefined)
      if (state === 'pending' || state === 'paused') continue
      const key = JSON.stringify([job, version, state])
      stuck.set(key, { job, version, state, count: count + (stuck.get(key)?.count ?? 0) })
    }
    return [...stuck.values()]
  }

  /** Makes what is shown of a row. @param slotHolder the process in whose log the record is */
  listed({ key, options, singleton, owner = 0, ...row }: Row, slotHolder: Holder | undefined): ListedRecord {
    const listed = { ...row, id: idOf(key) }
    const more = { ...(options !== null && { options }), ...(singleton !== null && { key: singleton }) }
    if (row.reason !== undefined) return { ...listed, state: 'failed', ...more }
    const holder = slotHolder ?? this.holders.byOwner(owner)
    const pid = holder !== undefined && { pid: holder.pid }
    if (holder?.running?.has(key)) return { ...listed, state: 'running', ...pid, ...more }
    const state = this.states.of(row.job, row.version, keyIdOf(row.args))
    const mayRun = holder !== undefined && holder.running === undefined && (state === 'pending' || state === 'paused')
    return { ...listed, state: mayRun ? 'held' : state, ...pid, ...more }
  }
}

/** Counts rows by what decides who can run them. */
function kindsOf(rows: Iterable<Row>): Kind[] {
  const kinds = new Map<string, Kind>()
  for (const { job, version, args } of rows) {
    const keyId = keyIdOf(args) ?? null
    const of = JSON.stringify([job, version, keyId])
    kinds.set(of, { job, version, keyId, count: 1 + (kinds.get(of)?.count ?? 0) })
  }
  return [...kinds.values()]
}

/** Yields rows page by page. */
function* inPages<T>(items: Iterable<T>): Generator<T[]> {
  let page: T[] = []
  for (const item of items) {
    page.push(item)
    if (page.length < pageSize) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
