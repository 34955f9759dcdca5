import type { KnownJob, RunnableJobs } from '../../src/journal/protocol.ts'

// What the journal promises of its records, said as simply as it can be: a list of them, looked through from end to end.

export type Where = 'shared' | number

export interface ModelRecord {
  readonly key: number
  readonly job: string
  readonly version: number
  readonly singleton: string | null
  /** The database where it is: all processes' or a slot's. */
  readonly where: Where
  runAt: number
  delay: number
  attempt: number
  crashes: number
  /** The owner: a living process, by its number; free; or orphaned. */
  owner: number | 'nobody' | 'left by its own' | 'left by a taker'
  /** The owner has claimed the record, and has not made it. */
  taken: boolean
}

/** A record as it is handed out. */
export interface Handed {
  readonly key: number
  readonly attempt: number
  readonly crashes: number
  readonly orphan: boolean
}

const knows = (jobs: readonly KnownJob[], { job, version }: ModelRecord) =>
  jobs.some(([name, latest]) => name === job && latest >= version)

export class Model {
  readonly records = new Map<number, ModelRecord>()
  readonly failed = new Map<number, string>()
  /** Every key that was ever given. */
  readonly keys = new Set<number>()
  now = 0

  recordsIn(where: Where): ModelRecord[] {
    return [...this.records.values()].filter((record) => record.where === where)
  }

  /** @returns the key of the record that stands for it already */
  add(record: ModelRecord): number | undefined {
    const { job, singleton, key } = record
    const existing = [...this.records.values()].find(
      (other) => singleton !== null && other.job === job && other.singleton === singleton,
    )
    if (existing === undefined) this.records.set(key, record)
    return existing?.key
  }

  done(process: number, key: number): void {
    if (this.records.get(key)?.owner === process) this.records.delete(key)
  }

  fail(process: number, key: number, reason: string): void {
    if (this.records.get(key)?.owner !== process) return
    this.failed.set(key, reason)
    this.records.delete(key)
  }

  retry(process: number, key: number, attempt: number, delay: number, released: boolean): void {
    const record = this.records.get(key)
    if (record?.owner !== process) return
    Object.assign(record, { attempt, delay, runAt: this.now + delay, crashes: 0, taken: false })
    if (released) record.owner = 'nobody'
  }

  back(process: number, key: number, begun: number): void {
    const record = this.records.get(key)
    if (record?.owner !== process) return
    record.crashes = Math.max(0, record.crashes - begun)
    record.owner = 'nobody'
  }

  begin(process: number, key: number): void {
    const record = this.records.get(key)
    if (record?.owner === process) record.crashes++
  }

  /** The records that a process could claim now, in order. */
  due(where: Where, { known, shared }: RunnableJobs, suspects: boolean): ModelRecord[] {
    return this.recordsIn(where)
      .filter((record) => typeof record.owner === 'string' && record.runAt <= this.now)
      .filter((record) => knows(record.owner === 'left by its own' ? known : shared, record))
      .filter(({ crashes }) => (suspects ? crashes > 0 : crashes === 0))
      .sort((a, b) => (suspects ? a.crashes - b.crashes : 0) || a.runAt - b.runAt || a.key - b.key)
  }

  take(process: number, record: ModelRecord): Handed {
    const { key, attempt, crashes } = record
    const orphan = record.owner !== 'nobody' || crashes > 0
    record.owner = process
    record.taken = true
    return { key, attempt, crashes, orphan }
  }

  /** Processes have died: what they had in a database is left. */
  leave(where: Where, isDead: (process: number) => boolean): void {
    for (const record of this.recordsIn(where)) {
      if (typeof record.owner !== 'number' || !isDead(record.owner)) continue
      // In a slot nobody asks who had taken it.
      record.owner = record.taken && where === 'shared' ? 'left by a taker' : 'left by its own'
      // The clock may have been set back since.
      record.runAt = Math.min(record.runAt, this.now + record.delay)
    }
  }

  /** A process ends in order. */
  end(process: number): void {
    for (const record of this.recordsIn('shared')) {
      if (record.owner === process) record.owner = record.taken ? 'nobody' : 'left by its own'
    }
  }

  /** Frees the claims of a process that it does not know of. */
  giveBack(where: Where, process: number, held: readonly number[]): void {
    for (const record of this.recordsIn(where)) {
      if (record.owner === process && record.taken && !held.includes(record.key)) record.owner = 'nobody'
    }
  }

  quarantine(where: Where): number[] {
    const poison = this.recordsIn(where).filter(({ owner, crashes }) => typeof owner === 'string' && crashes >= 3)
    for (const { key } of poison) {
      this.failed.set(key, 'poison')
      this.records.delete(key)
    }
    return poison.map(({ key }) => key)
  }

  resetClock(where: Where): void {
    for (const record of this.recordsIn(where)) {
      if (typeof record.owner === 'string' && record.runAt - record.delay > this.now + 1000) {
        record.runAt = this.now + record.delay
      }
    }
  }
}
