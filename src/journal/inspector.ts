import { accessSync, constants, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isDamage, isForbidden, isNoDatabase } from './files/database.ts'
import { locksOf, ProcessLock, slotsIn } from './files/process-lock.ts'
import { idOf, recordIdOf, slotOf } from './files/record-id.ts'
import { owner, versionOf } from './files/schema.ts'
import { atomically } from './files/transaction.ts'
import { keyIdOf, keyIdSql } from './format/encrypted-text.ts'
import type { KnownJob } from './protocol.ts'

/**
 * What has not failed waits or runs. But if there are processes, and none of them knows its job and version, it is unknown; sealed, if
 * none that knows it has its key.
 */
export type WaitingState = 'pending' | 'unknown' | 'sealed'

/** A record as it is listed. */
export interface ListedRecord {
  readonly id: string
  readonly job: string
  readonly version: number
  readonly state: WaitingState | 'failed'
  /** The arguments as they are stored. */
  readonly args: string
  /** What was bound to the call, as it is stored. */
  readonly options?: string
  /** What it must be single by. */
  readonly key?: string
  /** Milliseconds since 1970, as all dates here. */
  readonly created: number
  readonly attempt: number
  readonly runAt?: number
  readonly failedAt?: number
  /** `failed`, `timed-out` or `poison`. */
  readonly reason?: string
  readonly error?: string | null
}

/** A database of the journal: a slot's, or the one whose records any process may take. */
export interface ListedDatabase {
  readonly name: string
  /** A living process has it; `undefined` where it is nobody's own. */
  readonly alive: boolean | undefined
  readonly pending: number
  readonly failed: number
  /** What of `pending` no living process can run. */
  readonly stuck: readonly Stuck[]
  /** In bytes. */
  readonly size: number
}

/** Records of one job that wait for a process that can run them. */
export interface Stuck {
  readonly job: string
  readonly version: number
  readonly state: 'unknown' | 'sealed'
  readonly count: number
}

/** What became of a record that was to be changed. */
export interface Changed {
  readonly id: string
  readonly done: boolean
}

/** What a living process can run, and which keys it has. */
interface Living {
  readonly jobs: readonly KnownJob[]
  readonly keyIds: readonly string[]
}

/** So many records are read, or changed, in one transaction: no process waits long for it, and no memory is filled. */
const pageSize = 500

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

const removeSql = 'DELETE FROM afterword_failed WHERE key = ?'

/** A journal seen from outside: from another process than those that work with it. They may be alive. */
export class Inspector implements Disposable {
  /** What can't be read of it: a sentence for each database, which is left out from then on. */
  readonly unreadable: string[] = []
  readonly #path: string
  readonly #isFolder: boolean
  readonly #locks: string
  readonly #databases = new Map<string, DatabaseSync>()
  /** The one whose records any process may take. */
  readonly #shared: string
  #living: readonly Living[] | undefined

  /** @param path the folder, or the file of an app's own database @throws Error where there is no journal that can be read */
  constructor(path: string) {
    this.#path = path
    try {
      this.#isFolder = statSync(path).isDirectory()
      this.#locks = this.#isFolder ? path : locksOf(path)
      this.#shared = this.#isFolder ? 'shared' : basename(path)
      const slots = this.#isFolder ? slotsIn(path).map(String) : []
      for (const name of [...slots, this.#shared]) this.#open(name)
    } catch (error) {
      this[Symbol.dispose]()
      throw new Error(told(path, error))
    }
    if (this.#databases.size > 0) return
    const next = "Give the folder that configure({ journal }) names, or the file of an app's own database."
    throw new Error(this.unreadable.join('\n') || `"${path}" is no journal.\n${next}`)
  }

  databases(): ListedDatabase[] {
    return [
      ...this.#each((database, name) => {
        const size = statSync(database.location() as string).size
        const alive = name === this.#shared ? undefined : this.#isAlive(Number(name))
        const stuck = this.#stuck(database)
        return [{ name, alive, pending: count(database, 'records'), failed: count(database, 'failed'), stuck, size }]
      }),
    ]
  }

  /** How many records have failed. */
  get failed(): number {
    return [...this.#each((database) => [count(database, 'failed')])].reduce((sum, failed) => sum + failed, 0)
  }

  /** In the order in which they were deferred, database by database. @param first only the first page of each */
  *records(state: 'pending' | 'failed', first = false): Generator<ListedRecord[]> {
    for (const rows of this.#each((database) => pages<Row>(database, sqlOf[state], first))) {
      yield rows.map((row) => this.#listed(row, state))
    }
  }

  find(id: string): ListedRecord | undefined {
    for (const state of ['failed', 'pending'] as const) {
      const find = (database: DatabaseSync) => database.prepare(`${sqlOf[state]} WHERE key = ?`).all(recordIdOf(id))
      for (const row of this.#each(find)) return this.#listed(row as unknown as Row, state)
    }
    return undefined
  }

  /**
   * Makes failed records pending again, their attempts forgotten; all of them without `ids`. A living process takes them up within a
   * second or so. Not where the key of one is another record's by now.
   */
  retry(ids?: readonly string[]): Generator<Changed[]> {
    return this.#change(ids, (database) => {
      const add = database.prepare(
        `INSERT OR IGNORE INTO afterword_records (key, job, version, args, options, created, run_at, owner, singleton)
        SELECT key, job, version, args, options, created, ?2, ${owner.free}, singleton FROM afterword_failed WHERE key = ?1`,
      )
      const remove = database.prepare(removeSql)
      return (key) => add.run(key, Date.now()).changes > 0 && remove.run(key).changes > 0
    })
  }

  /** Deletes failed records; all of them without `ids`. */
  discard(ids?: readonly string[]): Generator<Changed[]> {
    return this.#change(ids, (database) => {
      const remove = database.prepare(removeSql)
      return (key) => remove.run(key).changes > 0
    })
  }

  [Symbol.dispose](): void {
    for (const database of this.#databases.values()) database.close()
  }

  *#change(ids: readonly string[] | undefined, prepare: (database: DatabaseSync) => (key: number) => boolean) {
    if (ids !== undefined) {
      // In whichever database it is.
      const change = (key: number) => {
        for (const done of this.#each((database) => [atomically(database, () => prepare(database)(key))])) {
          if (done) return true
        }
        return false
      }
      yield ids.map((id) => ({ id, done: change(recordIdOf(id)) }))
      return
    }
    yield* this.#each(function* (database) {
      const change = prepare(database)
      // What fails anew meanwhile has a key that is past.
      for (const rows of pages<{ key: number }>(database, 'SELECT key FROM afterword_failed')) {
        yield atomically(database, () => rows.map(({ key }) => ({ id: idOf(key), done: change(key) })))
      }
    })
  }

  #open(name: string): void {
    const file = this.#fileOf(name)
    try {
      // What is only looked at is not made: a slot has its lock first. Nor is it read without the means to tell who lives.
      accessSync(file, constants.R_OK | constants.W_OK)
      const database = new DatabaseSync(file)
      this.#databases.set(name, database)
      database.exec('PRAGMA busy_timeout = 5000')
      if (versionOf(database) === undefined) this.#letGo(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      // A file that was given may be anything; what is in a folder of slots was a database.
      if (!this.#isFolder && isNoDatabase(error)) this.#letGo(name)
      else this.#leaveOut(name, error)
    }
  }

  #fileOf(name: string): string {
    return this.#isFolder ? join(this.#path, `${name}.db`) : this.#path
  }

  #letGo(name: string): void {
    this.#databases.get(name)?.close()
    this.#databases.delete(name)
  }

  /** For good, and tells why. Throws what is wrong with something else. */
  #leaveOut(name: string, error: unknown): void {
    if (!isDamage(error) && !isForbidden(error)) throw error
    this.#letGo(name)
    // An app's own database is left where it is.
    const next = this.#isFolder && isDamage(error) ? ' A process that starts with this journal moves it aside.' : ''
    this.unreadable.push(`${told(this.#fileOf(name), error)}${next}`)
  }

  /** What there is of each database. Where one turns out to be damaged, the rest of it is left out. */
  *#each<T>(of: (database: DatabaseSync, name: string) => Iterable<T>): Generator<T> {
    for (const [name, database] of this.#databases) {
      try {
        yield* of(database, name)
      } catch (error) {
        this.#leaveOut(name, error)
      }
    }
  }

  #stuck(database: DatabaseSync): Stuck[] {
    const rows = database
      .prepare(
        `SELECT job, version, ${keyIdSql('args')} AS seal, count(*) AS count FROM afterword_records GROUP BY 1, 2, 3`,
      )
      .all() as unknown as { job: string; version: number; seal: string | null; count: number }[]
    return rows.flatMap(({ job, version, seal, count }) => {
      const state = this.#stateOf(job, version, seal ?? undefined)
      return state === 'pending' ? [] : [{ job, version, state, count }]
    })
  }

  #stateOf(job: string, version: number, seal: string | undefined): WaitingState {
    const living = (this.#living ??= this.#findLiving())
    const knowing = living.filter(({ jobs }) => jobs.some(([name, latest]) => name === job && latest >= version))
    if (living.length > 0 && knowing.length === 0) return 'unknown'
    return seal === undefined || living.length === 0 || knowing.some(({ keyIds }) => keyIds.includes(seal))
      ? 'pending'
      : 'sealed'
  }

  #isAlive(slot: number): boolean {
    try {
      const lock = ProcessLock.take(this.#locks, slot)
      lock?.release()
      return lock === undefined
    } catch {
      // It is another user's, and may be held.
      return true
    }
  }

  #findLiving(): Living[] {
    const select = 'SELECT process, jobs, seals FROM afterword_processes'
    const rows = this.#each((database, name) => (name === this.#shared ? database.prepare(select).all() : []))
    return ([...rows] as unknown as { process: number; jobs: string; seals: string }[])
      .filter(({ process }) => this.#isAlive(slotOf(process)))
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

/** What is wrong with a file or a folder, in a sentence. */
function told(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return `"${path}" does not exist.`
  if (isForbidden(error)) return `This user may not read and write "${path}", or not the folder that it is in.`
  return `"${path}" ${isDamage(error) ? 'is damaged' : "can't be opened"}: ${message}.`
}

function count(database: DatabaseSync, table: 'records' | 'failed'): number {
  return Number(database.prepare(`SELECT count(*) AS n FROM afterword_${table}`).get()?.n)
}

/** All rows of a table by their keys. Each page is read on its own: what is read stays in the way of whoever writes. */
function* pages<R extends { readonly key: number }>(
  database: DatabaseSync,
  select: string,
  first = false,
): Generator<R[]> {
  const page = database.prepare(`${select} WHERE key > ? ORDER BY key LIMIT ${pageSize}`)
  for (let last = 0; ; ) {
    const rows = page.all(last) as unknown as R[]
    const end = rows.at(-1)
    if (end === undefined) return
    last = end.key
    yield rows
    if (first) return
  }
}
