import type { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { owner } from '../files/schema.ts'
import { isEncryptedSql } from '../format/encrypted-text.ts'
import type { Holder } from './holders.ts'
import type { PageQuery } from './listed.ts'
import type { LoggedRecords } from './logged-records.ts'
import type { Row } from './record-reader.ts'

/** The number of records of a database that are looked through in one go, and of those that are read. */
const windowSize = 20_000
const readSize = 200

export type Part = 'failed' | 'records'
export type SourceRow = Row

/** The query of a page to a source. The states of records that wait depend on what is known of the processes. */
export interface SourceQuery extends PageQuery {
  /** The jobs that living processes know, each with its latest version; `undefined` where none lives. */
  readonly known: readonly (readonly [name: string, version: number])[] | undefined
  readonly paused: readonly string[]
}

/** The position of a source: the time and the key of the last row that was taken; `undefined` at its begin. `null`: nothing is left. */
export type Position = readonly [time: number, key: number] | null | undefined

/** The rows that a source is to yield, and the position from which on. */
interface SourceOptions {
  readonly part: Part
  readonly query: SourceQuery
  readonly position: Position
}

/** Rows behind a position, in order, and the position up to which was looked; `null` where that is the end. */
interface Found {
  readonly rows: readonly Row[]
  readonly upTo: Position
}

/** A source of rows: a database or a log. The newest row comes first. */
export class RecordSource {
  readonly name: string
  readonly #find: (position: Position) => Found
  readonly #holder: Holder | undefined
  readonly #part: Part
  /** The position behind the last row that was taken. */
  #position: Position
  /** The position up to which rows were found. */
  #upTo: Position
  #rows: Row[] = []

  private constructor(
    name: string,
    { part, position }: SourceOptions,
    find: (position: Position) => Found,
    holder?: Holder,
  ) {
    this.name = name
    this.#part = part
    this.#position = this.#upTo = position
    this.#find = find
    this.#holder = holder
  }

  static ofDatabase(database: DatabaseSync, name: string, options: SourceOptions): RecordSource {
    const { part, query } = options
    return new RecordSource(name, options, (position) => findRows(database, part, query, position ?? first))
  }

  static ofLog(
    log: LoggedRecords,
    database: DatabaseSync,
    name: string,
    holder: Holder | undefined,
    options: SourceOptions,
  ): RecordSource {
    const { part, query } = options
    const isIn = database.prepare(`SELECT 1 FROM afterword_${part} WHERE key = ?`)
    const find = (position: Position) => {
      const [time, last] = position ?? first
      const isLeft = (row: Row) => part === 'records' || timeOf(row) < time || (timeOf(row) === time && row.key < last)
      const rows = part === 'failed' ? log.failed : [...log.pending([...log.pendingIds()].filter((id) => id < last))]
      const wanted = rows.filter((row) => isLeft(row) && matches(row, query) && isIn.get(row.key) === undefined)
      return { rows: wanted.sort((a, b) => compare(positionOf(part, b), positionOf(part, a))), upTo: null }
    }
    return new RecordSource(name, options, find, holder)
  }

  get position(): Position {
    const [head] = this.#rows
    return head === undefined ? this.#upTo : this.#position
  }

  /** Finds the next row. @returns false if the time is up before it is found */
  fill(until: number): boolean {
    for (let isFirst = true; this.#rows.length === 0 && this.#upTo !== null; isFirst = false) {
      if (!isFirst && clock.now() > until) return false
      const { rows, upTo } = this.#find(this.#upTo)
      this.#rows = [...rows]
      this.#position = this.#upTo
      this.#upTo = upTo
    }
    return true
  }

  /** The newer one of two sources, by their next rows. */
  newerThan(other: RecordSource | undefined): RecordSource | undefined {
    const [own] = this.#rows
    if (own === undefined) return other
    const [others] = other === undefined ? [] : other.#rows
    return others === undefined || dateOf(own) > dateOf(others) ? this : other
  }

  take(): { readonly row: Row; readonly holder: Holder | undefined } | undefined {
    const row = this.#rows.shift()
    if (row === undefined) return undefined
    this.#position = positionOf(this.#part, row)
    return { row, holder: this.#holder }
  }
}

const first = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const

const timeOf = ({ failedAt, created }: Row) => failedAt ?? created
const dateOf = timeOf

/** The position of a row: failed ones are in the order of their failure, the others in that of their keys. */
function positionOf(part: Part, row: Row): readonly [time: number, key: number] {
  return [part === 'failed' ? timeOf(row) : 0, row.key]
}

function compare([timeA, keyA]: readonly [number, number], [timeB, keyB]: readonly [number, number]): number {
  return timeA - timeB || keyA - keyB
}

const columns = {
  records: 'key, job, version, args, options, created, attempt, run_at AS runAt, owner, singleton',
  failed: 'key, job, version, args, options, created, attempt, failed_at AS failedAt, reason, error, singleton',
} as const
const orders = {
  records: {
    time: '0',
    order: 'key DESC',
    after: ':time >= 0 AND key < :key',
    from: 'key >= :lowKey AND :lowTime >= 0',
  },
  failed: {
    time: 'failed_at',
    order: 'failed_at DESC, key DESC',
    after: '(failed_at, key) < (:time, :key)',
    from: '(failed_at, key) >= (:lowTime, :lowKey)',
  },
} as const

/** In SQL: no living process knows the job in that version. */
const isUnknown = 'NOT EXISTS (SELECT 1 FROM json_each(:known) WHERE value ->> 0 = job AND value ->> 1 >= version)'

/** Finds rows in a window of a table: however few match, no statement takes long. */
function findRows(
  database: DatabaseSync,
  part: Part,
  query: SourceQuery,
  [time, key]: readonly [number, number],
): Found {
  const { time: timeSql, order, after, from } = orders[part]
  const table = `afterword_${part}`
  const low = database
    .prepare(
      `SELECT ${timeSql} AS time, key FROM ${table} WHERE ${after} ORDER BY ${order} LIMIT 1 OFFSET ${windowSize}`,
    )
    .get({ time, key }) as { time: number; key: number } | undefined
  const { job, search, state, known, paused } = query
  const conditions = [
    job !== undefined && 'job = :job',
    search !== undefined &&
      `(job LIKE :search ESCAPE '\\' OR singleton LIKE :search ESCAPE '\\'${part === 'failed' ? " OR error LIKE :search ESCAPE '\\'" : ''})`,
    state === 'later' && `run_at > ${clock.date()} AND owner <> ${owner.queued}`,
    state === 'pending' && `run_at <= ${clock.date()} AND owner <> ${owner.queued}`,
    state === 'queued' && `owner = ${owner.queued}`,
    // A page is read from a million records of which few are in the state.
    state === 'sealed' && isEncryptedSql('args'),
    state === 'paused' && 'job IN (SELECT value FROM json_each(:paused))',
    state === 'unknown' && (known === undefined ? 'false' : isUnknown),
  ].filter((condition) => condition !== false)
  const rows = database
    .prepare(
      `SELECT ${columns[part]} FROM ${table} WHERE ${[after, low && from, ...conditions].filter(Boolean).join(' AND ')}
        ORDER BY ${order} LIMIT ${readSize}`,
    )
    .all({
      time,
      key,
      ...(low && { lowTime: low.time, lowKey: low.key }),
      ...(job !== undefined && { job }),
      ...(state === 'paused' && { paused: JSON.stringify(paused) }),
      ...(state === 'unknown' && known !== undefined && { known: JSON.stringify(known) }),
      ...(search !== undefined && { search: `%${search.replaceAll(/[\\%_]/g, '\\$&')}%` }),
    }) as unknown as Row[]
  const last = rows.length === readSize ? rows.at(-1) : undefined
  if (last !== undefined) return { rows, upTo: positionOf(part, last) }
  return { rows, upTo: low === undefined ? null : [low.time, low.key] }
}

function matches(row: Row, { job, search }: PageQuery): boolean {
  if (job !== undefined && row.job !== job) return false
  const wanted = search?.toLowerCase()
  return (
    wanted === undefined || [row.job, row.singleton, row.error].some((text) => text?.toLowerCase().includes(wanted))
  )
}
