import { clearTimeout, clock, setTimeout } from '../../clock.ts'
import { type ClaimedRow, type CommitGroup, transition, transitionWidth } from '../protocol.ts'
import type { Rooms } from './claimable-records.ts'
import type { RecordTable } from './record-table.ts'
import { isPoisonous, lastLook, type Suspect, waitOf, watchOf } from './suspects.ts'

/** The number of trials in which all suspects have their turn that are suspect for the first time: where they are more, some share a trial. */
const mostTrials = 32
/** The most suspects that share a trial. */
const mostAtOnce = 32
/** The time in ms for which a trial waits for a run to begin; then the next one goes ahead. */
const longestStart = 5000
/** The delay in ms after which what runs have told is stored again, where it could not be. */
const retryDelay = 100

/** A suspect, and the table in which it is. */
export interface FoundSuspect {
  readonly table: RecordTable
  readonly suspect: Suspect
}

/** The run of an orphaned record. */
interface Run {
  readonly table: RecordTable
  readonly recordId: number
  /** The crashes without this run. */
  crashes: number
  /** The crashes with that of this run, should it end the process. */
  readonly noted: number
  /** The time in ms for which the run is watched. */
  readonly watch: number
  readonly isTrial: boolean
  readonly claimed: number
  /** The moment at which the run began, by `performance.now()`. */
  begun: number | undefined
  /** The time in ms after its begin at which the run is looked at next. */
  nextLook: number
}

/** The server, as its trials see it. */
interface Judged {
  readonly tables: readonly RecordTable[]
  /** Calls `fn`, and reports its trouble. @returns whether `fn` succeeded */
  try(fn: () => void): boolean
  /** Another trial may begin. */
  over(): void
}

/**
 * The trials of one process: what the runs of orphaned records tell. Processes end for many reasons while a record happens to run, so an
 * end counts only if the process had lived without the record for longer, and ends soon after the run has begun (docs/journal.md). That
 * is noted in advance, when the run begins, and taken back when the run has lasted for its time, or when the process ends in order.
 */
export class Trials {
  readonly #server: Judged
  readonly #runs = new Map<number, Run>()
  readonly #opened = clock.now()
  #timer: NodeJS.Timeout | undefined
  #nextLook = Infinity
  #endsInOrder = false

  constructor(server: Judged) {
    this.#server = server
  }

  /** A trial is under way. */
  get areOn(): boolean {
    const now = clock.now()
    for (const { isTrial, begun, watch, claimed } of this.#runs.values()) {
      if (isTrial && (begun === undefined ? now < claimed + longestStart : now < begun + watch)) return true
    }
    return false
  }

  /**
   * The moment at which this process claims a suspect, by `Date.now()`. A process that has not lived for the wait of the suspect leaves
   * it to others for as long again.
   */
  claims(suspect: Suspect): number {
    const { runAt } = suspect
    const wait = waitOf(suspect)
    const opened = clock.date() - (clock.now() - this.#opened)
    return Math.max(runAt, Math.min(opened + wait, runAt + wait))
  }

  /** Chooses the suspects of the next trial: one, or some of those that are suspect for the first time where these are many. */
  choose(found: readonly FoundSuspect[], most: number, rooms: Rooms): FoundSuspect[] {
    const now = clock.date()
    const left = new Map(rooms)
    const takesRoom = (job: string) => {
      const room = left.get(job) ?? Infinity
      left.set(job, room - 1)
      return room > 0
    }
    const due = found.filter(({ suspect }) => !isPoisonous(suspect) && this.claims(suspect) <= now)
    const fits = due.filter(({ suspect }) => takesRoom(suspect.job))
    const first = fits.filter(({ suspect }) => suspect.crashes === 1)
    const size = Math.min(mostAtOnce, Math.max(1, Math.ceil(first.length / mostTrials)))
    return (first.length > 0 ? first : fits).slice(0, Math.min(size, most))
  }

  /** Records are claimed: those that are orphaned, and run once more, are watched. */
  claimed(table: RecordTable, rows: readonly ClaimedRow[]): void {
    const now = clock.now()
    for (const row of rows) {
      const { recordId, orphaned, crashes } = row
      if (!orphaned) continue
      const watch = watchOf(row)
      const isTrial = crashes > 0
      // Where this process has not lived for long enough, the deaths so far were not in a row.
      const noted = isTrial && now - this.#opened >= waitOf(row) ? crashes + 1 : 1
      const run = { table, recordId, crashes, noted, watch, isTrial, claimed: now, begun: undefined, nextLook: watch }
      this.#runs.set(recordId, run)
    }
  }

  /** Notes that a run begins, as part of a transaction: should the process die from now on, that counts. */
  noteBegin(table: RecordTable, recordId: number): void {
    const run = this.#runs.get(recordId)
    if (run !== undefined && !this.#endsInOrder) table.suspects.note(recordId, run.noted)
  }

  /** Hands a record back, as part of a transaction. */
  handBack(table: RecordTable, recordId: number): void {
    const run = this.#runs.get(recordId)
    if (run !== undefined) table.suspects.note(recordId, run.crashes)
    table.handBack(recordId)
  }

  /** A group is committed: runs have begun, and records have left this process. */
  committed({ done, transitions }: CommitGroup): void {
    if (this.#runs.size === 0) return
    const wereOn = this.areOn
    for (const recordId of done) this.#runs.delete(recordId)
    for (let i = 0; i < transitions.length; i += transitionWidth) {
      const recordId = transitions[i + 1] as number
      if (transitions[i] === transition.begin) this.#begun(recordId)
      else if (transitions[i] !== transition.options) this.#runs.delete(recordId)
    }
    if (wereOn && !this.areOn) this.#server.over()
  }

  #begun(recordId: number): void {
    const run = this.#runs.get(recordId)
    if (run === undefined || this.#endsInOrder) return
    run.begun = clock.now()
    this.#lookAt(run.begun + run.nextLook)
  }

  /** The process is about to end in order, or to be ended by who has asked it to: its end tells nothing. */
  endsInOrder(): void {
    this.#endsInOrder = true
    clearTimeout(this.#timer)
    this.#look()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #lookAt(moment: number): void {
    if (moment >= this.#nextLook) return
    this.#nextLook = moment
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#look, Math.max(1, moment - clock.now())).unref()
  }

  /** Stores what runs have told by now. */
  readonly #look = (): void => {
    const now = clock.now()
    this.#nextLook = Infinity
    const isDue = ({ begun, nextLook }: Run) => begun !== undefined && (this.#endsInOrder || begun + nextLook <= now)
    const due = [...this.#runs.values()].filter(isDue)
    let soonest = now
    for (const table of new Set(due.map(({ table }) => table))) {
      const runs = due.filter((run) => run.table === table)
      // A damaged database was moved aside, with its records.
      if (!this.#server.tables.includes(table)) for (const { recordId } of runs) this.#runs.delete(recordId)
      else if (this.#server.try(() => table.atomically(() => runs.forEach(this.#tell)))) runs.forEach(this.#told)
      else soonest = now + retryDelay
    }
    for (const { begun = Infinity, nextLook } of this.#runs.values()) this.#lookAt(Math.max(begun + nextLook, soonest))
    if (due.length > 0 && !this.areOn) this.#server.over()
  }

  readonly #tell = ({ table, recordId, crashes, nextLook }: Run): void => {
    if (!this.#endsInOrder) table.suspects.lasted(recordId, nextLook)
    else table.suspects.note(recordId, crashes)
  }

  readonly #told = (run: Run): void => {
    run.crashes = 0
    run.nextLook *= 2
    if (this.#endsInOrder || run.nextLook > lastLook) this.#runs.delete(run.recordId)
  }
}
