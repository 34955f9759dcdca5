import { owner } from '../files/schema.ts'
import type { KnownJob, RunnableJobs } from '../protocol.ts'

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

/**
 * In SQL: the kinds of claimable records that there are. One step in the index leads from a kind to the next one, however many records
 * are of that kind, and however many jobs the process knows.
 */
export const kindsSql = `
  WITH RECURSIVE kinds (owner, kind, key, job, version, crashes, run_at) AS (
    SELECT column1, '', 0, '', 0, 0, 0 FROM (VALUES ${Object.values(owner)
      .map((owner) => `(${owner})`)
      .join(', ')})
    UNION ALL
    SELECT first.owner, first.kind, first.key, first.job, first.version, first.crashes, first.run_at
    FROM kinds CROSS JOIN afterword_records AS first WHERE first.key = (
      SELECT key FROM afterword_records AS loose
      WHERE loose.owner <= 0 AND loose.owner = kinds.owner AND loose.kind > kinds.kind
      ORDER BY loose.kind, loose.crashes, loose.run_at LIMIT 1))
  SELECT owner, kind, key AS recordId, job, version, crashes, run_at AS head,
    substr(kind, instr(kind, ':') + 1, length(kind) - length(job) - instr(kind, ':') - 1) AS keyId
  FROM kinds WHERE key > 0`

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
      this.#known = latestOf(jobs.known)
      this.#shared = jobs.shared === jobs.known ? this.#known : latestOf(jobs.shared)
    }
    return ({ owner: by, job, version, keyId }) => {
      // Orphaned records are for any process that knows the job; free ones, and orphaned claims, for workers.
      const latest = (by === owner.orphaned ? this.#known : this.#shared).get(job)
      if (latest === undefined || version > latest) return undefined
      return keyId === '' || this.#keyIds.has(keyId) ? 'runs' : 'sealed'
    }
  }
}

function latestOf(jobs: readonly KnownJob[]): Map<string, number> {
  return new Map(jobs)
}
