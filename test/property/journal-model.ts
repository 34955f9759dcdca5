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
  /** For how long a run has lasted, as far as its process has told. */
  ran: number
  /** The run is one of an orphaned record, as its process sees it. */
  watched: Watched | undefined
  /** The owner: a living process, by its number; free; or orphaned. */
  owner: number | 'nobody' | 'left by its own' | 'left by a taker'
  /** The owner has claimed the record, and has not made it. */
  taken: boolean
}

interface Watched {
  /** The crashes that are noted if the run begins, and those that stand if it tells nothing. */
  readonly noted: number
  before: number
  readonly isTrial: boolean
  readonly watch: number
  readonly claimed: number
  begun: number | undefined
  nextLook: number
}

/** A record as it is handed out. */
export interface Handed {
  readonly key: number
  readonly attempt: number
  readonly crashes: number
  readonly orphan: boolean
}

// The rule of suspects: what runs for the first time after a crash is watched for a quarter of a second, or for twice as long as it has run
// before. Should the process end meanwhile, the record waits for twice that time, and twice as long after each such end.
const watchOf = ({ ran }: ModelRecord) => Math.min(128_000, Math.max(250, 2 * ran))
const waitOf = (record: ModelRecord) => 2 * watchOf(record) * 2 ** (Math.min(record.crashes, 5) - 1)

const knows = (jobs: readonly KnownJob[], { job, version }: ModelRecord) =>
  jobs.some(([name, latest]) => name === job && latest >= version)

export class Model {
  readonly records = new Map<number, ModelRecord>()
  readonly failed = new Map<number, string>()
  /** Unique keys that stay taken though their records are done, by job and key. */
  readonly spent = new Map<string, { readonly key: number; readonly until: number }>()
  /** Every key that was ever given. */
  readonly keys = new Set<number>()
  now = 0
  /** The clock that nobody sets. */
  ticks = 0
  /** Since when a process lives. */
  readonly opened = new Map<number, number>()

  recordsIn(where: Where): ModelRecord[] {
    return [...this.records.values()].filter((record) => record.where === where)
  }

  /** @returns the key of the record that stands for it already */
  add(record: ModelRecord): number | undefined {
    const { job, singleton, key } = record
    const spent = this.spent.get(`${job} ${singleton}`)
    if (spent !== undefined && spent.until > this.now) return spent.key
    const existing = [...this.records.values()].find(
      (other) => singleton !== null && other.job === job && other.singleton === singleton,
    )
    if (existing === undefined) this.records.set(key, record)
    return existing?.key
  }

  done(process: number, key: number): void {
    if (this.records.get(key)?.owner === process) this.records.delete(key)
  }

  doneWithKey(process: number, key: number, ms: number): void {
    const { owner, job, singleton } = this.records.get(key) ?? {}
    if (owner !== process) return
    if (singleton !== null) this.spent.set(`${job} ${singleton}`, { key, until: this.now + ms })
    this.records.delete(key)
  }

  fail(process: number, key: number, reason: string): void {
    if (this.records.get(key)?.owner !== process) return
    this.failed.set(key, reason)
    this.records.delete(key)
  }

  retry(process: number, key: number, attempt: number, delay: number, released: boolean): void {
    const record = this.records.get(key)
    if (record?.owner !== process) return
    const changed = { attempt, delay, runAt: this.now + delay, crashes: 0, taken: false, watched: undefined }
    Object.assign(record, changed)
    if (released) record.owner = 'nobody'
  }

  back(process: number, key: number): void {
    const record = this.records.get(key)
    if (record?.owner !== process) return
    record.crashes = record.watched?.before ?? record.crashes
    record.owner = 'nobody'
    record.watched = undefined
  }

  begin(process: number, key: number): void {
    const record = this.records.get(key)
    if (record?.owner !== process || record.watched === undefined) return
    record.crashes = record.watched.noted
    record.watched.begun = this.ticks
  }

  /** Time goes by, in which runs go on. */
  pass(ms: number): void {
    this.ticks += ms
    for (const record of this.records.values()) {
      const { watched } = record
      if (watched?.begun === undefined) continue
      for (; watched.begun + watched.nextLook <= this.ticks && watched.nextLook <= 128_000; watched.nextLook *= 2) {
        record.crashes = watched.before = 0
        record.ran = watched.nextLook
      }
      // The run has lasted for the longest watch: nothing that it does tells more.
      if (watched.nextLook > 128_000) record.watched = undefined
    }
  }

  /** A process is gone, and its runs with it, in whichever database their records are: nobody watches them any more. */
  die(process: number): void {
    for (const record of this.records.values()) if (record.owner === process) record.watched = undefined
  }

  /** The records that a process could claim now, in order: those without suspicion. */
  due(where: Where, jobs: RunnableJobs): ModelRecord[] {
    return this.#claimable(where, jobs)
      .filter((record) => record.runAt <= this.now && record.crashes === 0)
      .sort((a, b) => a.runAt - b.runAt || a.key - b.key)
  }

  /** The suspects whose trial a process could begin now, in order. */
  onTrial(process: number, wheres: readonly Where[], jobs: RunnableJobs, most: number): ModelRecord[] {
    const isOn = [...this.records.values()].some(
      ({ owner, watched }) =>
        owner === process &&
        watched?.isTrial &&
        this.ticks < (watched.begun === undefined ? watched.claimed + 5000 : watched.begun + watched.watch),
    )
    if (isOn) return []
    const lived = this.ticks - (this.opened.get(process) ?? 0)
    const due = wheres
      .flatMap((where) => this.#claimable(where, jobs))
      .filter(({ crashes }) => crashes > 0 && crashes < 5)
      .filter((record) => record.runAt <= this.now)
      .filter((record) => lived >= waitOf(record) || record.runAt + waitOf(record) <= this.now)
      .sort((a, b) => a.crashes - b.crashes || a.ran - b.ran || a.runAt - b.runAt || a.key - b.key)
    const first = due.filter(({ crashes }) => crashes === 1)
    return (first.length > 0 ? first : due).slice(0, Math.min(most, Math.max(1, Math.ceil(first.length / 32))))
  }

  #claimable(where: Where, { known, shared }: RunnableJobs): ModelRecord[] {
    return this.recordsIn(where)
      .filter((record) => typeof record.owner === 'string')
      .filter((record) => knows(record.owner === 'left by its own' ? known : shared, record))
  }

  take(process: number, record: ModelRecord): Handed {
    const { key, attempt, crashes } = record
    const orphan = record.owner !== 'nobody' || crashes > 0
    const lived = this.ticks - (this.opened.get(process) ?? 0)
    const noted = crashes > 0 && lived >= waitOf(record) ? crashes + 1 : 1
    const watch = watchOf(record)
    const run = { noted, before: crashes, isTrial: crashes > 0, watch, claimed: this.ticks, nextLook: watch }
    record.owner = process
    record.taken = true
    record.watched = orphan ? { ...run, begun: undefined } : undefined
    return { key, attempt, crashes, orphan }
  }

  /** Processes have died: what they had in a database is left. */
  leave(where: Where, isDead: (process: number) => boolean): void {
    for (const record of this.recordsIn(where)) {
      if (typeof record.owner !== 'number' || !isDead(record.owner)) continue
      // In a slot nobody asks who had taken it.
      record.owner = record.taken && where === 'shared' ? 'left by a taker' : 'left by its own'
      record.watched = undefined
      // The clock may have been set back since.
      if (record.crashes === 0) record.runAt = Math.min(record.runAt, this.now + record.delay)
      else Object.assign(record, { runAt: this.now + waitOf(record), delay: waitOf(record) })
    }
  }

  /** A process ends in order: its end does not count against the runs that had begun. */
  end(process: number): void {
    for (const record of this.records.values()) {
      if (record.owner !== process) continue
      if (record.watched?.begun !== undefined) record.crashes = record.watched.before
    }
    this.die(process)
    for (const record of this.recordsIn('shared')) {
      if (record.owner === process) record.owner = record.taken ? 'nobody' : 'left by its own'
    }
  }

  /** Frees the claims of a process that it does not know of. */
  giveBack(where: Where, process: number, held: readonly number[]): void {
    for (const record of this.recordsIn(where)) {
      if (record.owner !== process || !record.taken) continue
      record.watched = undefined
      if (held.includes(record.key)) record.crashes = 0
      else record.owner = 'nobody'
    }
  }

  quarantine(where: Where): number[] {
    const poison = this.recordsIn(where).filter(({ owner, crashes }) => typeof owner === 'string' && crashes >= 5)
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
