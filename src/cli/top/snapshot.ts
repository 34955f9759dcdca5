import { clock } from '../../clock.ts'
import type { ListedDatabase } from '../../journal/inspection/listed.ts'
import { engineOf } from '../../stores/engine-url.ts'
import { type RecordReader, readerOf } from '../../stores/record-store.ts'

/** The most running records that are counted by job. */
const mostRunning = 10_000
/** The number of snapshots after which an engine is opened anew: it may have other queues by then. */
const snapshotsOfOne = 10

/** The states in which the records of a job are counted. */
export const counted = ['due', 'running', 'later', 'queued', 'failed'] as const
export type CountedState = (typeof counted)[number]

/** The records of one job at a moment. */
export interface JobSnapshot extends Readonly<Record<CountedState, number>> {
  readonly job: string
  /** The time in ms for which the oldest record that is due has been so; 0 where the store does not tell. */
  readonly oldestAge: number
  readonly isPaused: boolean
}

/** The records of a store at a moment. */
export interface Snapshot {
  /** The moment, by `Date.now()`. */
  readonly at: number
  /** The numbers of the living processes; `undefined` where an engine knows none. */
  readonly processes: readonly number[] | undefined
  readonly jobs: readonly JobSnapshot[]
  /** Sentences about what no process can run, and what could not be read. */
  readonly troubles: readonly string[]
}

/** The snapshots of a store, one after the other. */
export class Snapshots implements AsyncDisposable {
  readonly #place: string
  readonly #isEngine: boolean
  #reader: RecordReader | undefined
  #taken = 0

  /** @param place the folder of a journal, the file of an app's own database, or the URL of an engine */
  constructor(place: string) {
    this.#place = place
    this.#isEngine = engineOf(place) !== undefined
  }

  /** Takes a snapshot. @throws Error where the store can't be read */
  async take(): Promise<Snapshot> {
    if (this.#isEngine && ++this.#taken % snapshotsOfOne === 0) await this.#close()
    try {
      this.#reader ??= await readerOf(this.#place)
      return await (this.#isEngine ? ofEngine(this.#reader) : ofJournal(this.#reader))
    } catch (error) {
      // The next snapshot opens the store anew.
      await this.#close()
      throw error
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }

  async #close(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.[Symbol.asyncDispose]()
  }
}

const none = { due: 0, running: 0, later: 0, queued: 0, failed: 0, oldestAge: 0 }

async function ofJournal(reader: RecordReader): Promise<Snapshot> {
  const databases = await reader.databases()
  const running = new Map<string, number>()
  for await (const page of reader.records({ state: 'running', limit: mostRunning })) {
    for (const { job } of page) running.set(job, (running.get(job) ?? 0) + 1)
  }
  const counts = new Map((await reader.jobs?.())?.map((counts) => [counts.job, counts]))
  const paused = new Set(databases.flatMap((database) => database.paused))
  const names = [...new Set([...counts.keys(), ...running.keys(), ...paused])].sort()
  const jobs = names.map((job) => ({
    ...none,
    ...counts.get(job),
    job,
    running: running.get(job) ?? 0,
    isPaused: paused.has(job),
  }))
  const processes = databases.flatMap(({ alive, pid }) => (alive && pid !== undefined ? [pid] : []))
  return { at: clock.date(), processes, jobs, troubles: [...stuckIn(databases), ...reader.unreadable] }
}

/** An engine has a queue for each job, and tells of no time. */
async function ofEngine(reader: RecordReader): Promise<Snapshot> {
  const databases = await reader.databases()
  const jobs = databases.map(({ name, pending, running, failed }) => {
    return { ...none, job: name, due: pending, running, failed, isPaused: false }
  })
  return { at: clock.date(), processes: undefined, jobs, troubles: [...reader.unreadable] }
}

function stuckIn(databases: readonly ListedDatabase[]): string[] {
  return databases
    .flatMap(({ stuck }) => stuck)
    .map(({ count, job, version, state }) => {
      const lack = state === 'unknown' ? 'knows that' : 'has their key'
      return `${count} of "${job}", version ${version}: no living process ${lack}`
    })
}

/** Adds the counts of jobs up. */
export function totalsOf(jobs: readonly JobSnapshot[]): Record<CountedState | 'oldestAge', number> {
  const totals: Record<CountedState | 'oldestAge', number> = { ...none }
  for (const job of jobs) {
    for (const state of counted) totals[state] += job[state]
    totals.oldestAge = Math.max(totals.oldestAge, job.oldestAge)
  }
  return totals
}
