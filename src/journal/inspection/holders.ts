import type { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { pause } from '../files/pause.ts'
import { slotOf } from '../files/record-id.ts'
import { RunningRows } from '../files/running-rows.ts'
import { claimerOf } from '../files/schema.ts'
import { atomically } from '../files/transaction.ts'
import type { KnownJob } from '../protocol.ts'
import { busyTimeout, type JournalFiles } from './journal-files.ts'

/** The time in ms for which a living process may take to tell what runs, and the interval at which its answer is looked for. */
const longest = 1000
const interval = 4

/** A living process: the jobs that it can run, the ids of its keys, and the records that run in it. */
export interface Holder {
  readonly process: number
  readonly pid: number
  readonly jobs: readonly KnownJob[]
  readonly keyIds: readonly string[]
  /** `undefined` where the process does not answer: its thread is blocked, or it is stopped. */
  readonly running: ReadonlySet<number> | undefined
}

/** The living processes of a journal, any of which may hold records. They are asked once. */
export class Holders {
  readonly #files: JournalFiles
  #living: readonly Holder[] | undefined

  constructor(files: JournalFiles) {
    this.#files = files
  }

  get living(): readonly Holder[] {
    this.#living ??= this.#find()
    return this.#living
  }

  /** The living process that owns a record, by the owner that is stored. */
  byOwner(owner: number): Holder | undefined {
    return this.living.find(({ process }) => owner === process || owner === claimerOf(process))
  }

  /** The living process that has the slot of a log. */
  bySlot(slot: number): Holder | undefined {
    return this.living.find(({ process }) => slotOf(process) === slot)
  }

  #find(): Holder[] {
    const select = 'SELECT process, pid, jobs, seals FROM afterword_processes'
    const rows = [...this.#files.inShared((database) => database.prepare(select).all())] as unknown as {
      process: number
      pid: number
      jobs: string
      seals: string
    }[]
    const alive = rows.filter(({ process }) => this.#files.isAlive(slotOf(process)))
    const running = this.#running(alive.map(({ process }) => process))
    return alive.map(({ process, pid, jobs, seals }) => ({
      process,
      pid,
      jobs: JSON.parse(jobs),
      keyIds: JSON.parse(seals),
      running: running.get(process),
    }))
  }

  /** Asks processes which of their records run. */
  #running(processes: readonly number[]): Map<number, ReadonlySet<number>> {
    const answers = new Map<number, ReadonlySet<number>>()
    if (processes.length === 0) return answers
    const rows = this.#try((rows) => processes.map((process) => [process, rows.ask(process)] as const)) ?? []
    const until = clock.date() + longest
    while (answers.size < rows.length && clock.date() < until) {
      pause(interval)
      this.#try((open) => {
        for (const [process, row] of rows) {
          const answer = answers.has(process) ? undefined : open.answerTo(row)
          if (answer !== undefined) answers.set(process, new Set(answer))
        }
      }, false)
    }
    if (rows.length === 0) return answers
    this.#try((open) => {
      for (const [, row] of rows) open.remove(row)
    })
    return answers
  }

  /** Works with the rows of the shared database; `undefined` where that can't be: another one has it locked, or made it. */
  #try<T>(work: (rows: RunningRows) => T, writes = true): T | undefined {
    const inDatabase = (database: DatabaseSync) => {
      try {
        // An answer is not worth the time for which other writers are waited for otherwise.
        database.exec(`PRAGMA busy_timeout = ${longest}`)
        const run = () => work(new RunningRows(database))
        return [writes ? atomically(database, run) : run()]
      } catch {
        return []
      } finally {
        database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
      }
    }
    for (const value of this.#files.inShared(inDatabase)) return value
    return undefined
  }
}
