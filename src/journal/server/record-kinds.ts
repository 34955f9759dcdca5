import type { Database, Statement } from '../../options/app-database.ts'
import { claimableOwners, owner } from '../files/schema.ts'
import type { RunnableJobs } from '../protocol.ts'

/** A kind of claimable records: those of one owner, job, version and key. A process runs all of them or none. */
export interface Kind {
  readonly owner: number
  /** The kind, as the index has it. */
  readonly kind: string
  readonly job: string
  readonly version: number
  /** The id of the key that encrypts the arguments; empty where they are stored as they are. */
  readonly keyId: string
  /** The first record: fewest crashes, then due first. */
  readonly recordId: number
  readonly crashes: number
  /** The moment at which the first record is due. */
  readonly head: number
}

const columns = (row: string) =>
  `${row}.owner, ${row}.kind, ${row}.key, ${row}.job, ${row}.version, ${row}.crashes, ${row}.run_at`
const asKind = `owner, kind, key AS recordId, job, version, crashes, run_at AS head,
  substr(kind, instr(kind, ':') + 1, length(kind) - length(job) - instr(kind, ':') - 1) AS keyId`

/**
 * In SQL: all kinds. One step in the index leads from a kind to the next one, however many records are of that kind, and however many
 * jobs the process knows.
 */
const allSql = `
  WITH RECURSIVE kinds (owner, kind, key, job, version, crashes, run_at) AS (
    SELECT column1, '', 0, '', 0, 0, 0 FROM (VALUES (${claimableOwners.join('), (')}))
    UNION ALL
    SELECT ${columns('first')} FROM kinds CROSS JOIN afterword_records AS first WHERE first.key = (
      SELECT key FROM afterword_records AS loose
      WHERE loose.owner <= 0 AND loose.owner = kinds.owner AND loose.kind > kinds.kind
      ORDER BY loose.kind, loose.crashes, loose.run_at, loose.key LIMIT 1))
  SELECT ${asKind} FROM kinds WHERE key > 0`
const oneSql = `SELECT ${asKind} FROM afterword_records
  WHERE owner <= 0 AND owner = ?1 AND kind = ?2 ORDER BY crashes, run_at, key LIMIT 1`

/** The kinds of records that wait in a database, read again when the database has changed. */
export class WaitingKinds {
  readonly #all: Statement
  readonly #one: Statement
  readonly #commits: Statement
  readonly #changes: Statement
  #kinds: Kind[] = []
  #seen = ''

  constructor(database: Database) {
    this.#all = database.prepare(allSql)
    this.#one = database.prepare(oneSql)
    // The number changes with each commit of another process. As a table in a statement the pragma would be compiled at each look.
    this.#commits = database.prepare('PRAGMA data_version')
    this.#changes = database.prepare('SELECT total_changes() AS changes')
  }

  all(): readonly Kind[] {
    const { seen } = this
    if (seen !== this.#seen) {
      this.#kinds = this.#all.all() as Kind[]
      this.#seen = seen
    }
    return this.#kinds
  }

  /** Looks at one kind again, since this process has changed records of no other. @returns the kind, if there still are records of it */
  lookAgain({ owner, kind }: Kind): Kind | undefined {
    const found = this.#one.get(owner, kind) as Kind | undefined
    const others = this.#kinds.filter((other) => other.kind !== kind || other.owner !== owner)
    this.#kinds = found === undefined ? others : [...others, found]
    this.#seen = this.seen
    return found
  }

  /** Forgets all that was read in a transaction which was rolled back. */
  forget(): void {
    this.#seen = ''
  }

  /** The state of the database: another text after each change. */
  get seen(): string {
    return `${this.dataVersion} ${(this.#changes.get() as { changes: number }).changes}`
  }

  /** A number that changes with each commit of another process. */
  get dataVersion(): number {
    return (this.#commits.get() as { data_version: number }).data_version
  }
}

/** The kinds of records that a process runs. */
export class RunnableKinds {
  readonly #keyIds: ReadonlySet<string>
  #jobs: RunnableJobs | undefined
  #known: ReadonlyMap<string, number> = new Map()
  #shared: ReadonlyMap<string, number> = new Map()

  constructor(keyIds: readonly string[]) {
    this.#keyIds = new Set(keyIds)
  }

  /** Makes the function that tells whether the process runs a kind, would run it if it had the key, or does not run it. */
  of(jobs: RunnableJobs): (kind: Kind) => 'runs' | 'sealed' | undefined {
    if (jobs !== this.#jobs) {
      this.#jobs = jobs
      this.#known = new Map(jobs.known)
      this.#shared = jobs.shared === jobs.known ? this.#known : new Map(jobs.shared)
    }
    return ({ owner: by, job, version, keyId }) => {
      // Orphaned records are for any process that knows the job; free ones, and orphaned claims, for workers.
      const latest = (by === owner.orphaned ? this.#known : this.#shared).get(job)
      if (latest === undefined || version > latest) return undefined
      return keyId === '' || this.#keyIds.has(keyId) ? 'runs' : 'sealed'
    }
  }
}
