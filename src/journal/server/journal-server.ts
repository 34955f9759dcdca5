import { pid } from 'node:process'
import { clock, setTimeout } from '../../clock.ts'
import type { Report } from '../files/database.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import { isBusy } from '../files/sqlite-errors.ts'
import type { CommitGroup, FromServer, RunnableJobs, ServerOptions, ToServer } from '../protocol.ts'
import { ChangeWatch } from './change-watch.ts'
import { ClaimAnswers } from './claim-answers.ts'
import type { Databases } from './databases.ts'
import { GroupCommit } from './group-commit.ts'
import { Maintenance } from './maintenance.ts'
import { Mending } from './mending.ts'
import { Pauses } from './pauses.ts'
import type { RecordTable } from './record-table.ts'
import { Trials } from './trials.ts'
import { Withdrawals } from './withdrawals.ts'

/** The delay in ms after which a process that could not be listed is listed. */
const busyDelay = 100
/** The time in ms for which other processes may lock the shared database before a group for it is refused. */
const longestBusy = 5000

/** The time in ms that a server has to end in order, at least and at most: free pages that are left go back another time. */
const leastForClose = 100
const mostForClose = 1000

/** The journal's server, in a thread of its own: commits groups, claims records for the client, looks after dead processes. */
export class JournalServer {
  readonly #databases: Databases
  readonly #groupCommit: GroupCommit
  readonly #tell: (message: FromServer) => void
  readonly #mending: Mending
  readonly #maintenance: Maintenance
  readonly #watch: ChangeWatch
  readonly #trials: Trials
  readonly #answers: ClaimAnswers
  readonly #withdrawals: Withdrawals
  readonly #pauses: Pauses
  #jobs: RunnableJobs = { known: [], shared: [] }
  /** The jobs whose records this process runs from its own databases: all that it knows. */
  #ownJobs: RunnableJobs = { known: [], shared: [] }
  #dataVersion = 0
  /** The states of the databases at the last look around. */
  readonly #seen = new WeakMap<RecordTable, string>()
  #encryptedTold = false
  /** The last group could not be stored. */
  #isBehind = false
  #closed = false
  /** The trouble that was reported last, until all is well again. */
  #reported: string | undefined

  constructor(
    databases: Databases,
    { process, retention, maxFailed }: ServerOptions,
    tell: (message: FromServer) => void,
  ) {
    this.#databases = databases
    this.#mending = new Mending(databases, tell)
    this.#tell = tell
    const attempt = (fn: () => void) => this.#try(fn)
    this.#trials = new Trials({
      get tables() {
        return databases.tables
      },
      try: attempt,
      over: () => this.#answers.look(),
    })
    const aside: Report = (code, values) => tell({ type: 'report', code, values })
    this.#groupCommit = new GroupCommit(databases, this.#trials, aside)
    this.#answers = new ClaimAnswers({
      databases,
      trials: this.#trials,
      jobsOf: (table) => this.#jobsOf(table),
      tell,
      try: attempt,
      on: (table, fn) => this.#on(table, fn),
    })
    this.#pauses = new Pauses({ databases, tell, try: attempt })
    // No claim comes before the client knows of them.
    this.#try(() => this.#pauses.look())
    this.#withdrawals = new Withdrawals({ databases, process, tell, try: attempt })
    const ownJobs = () => this.#ownJobs
    this.#maintenance = new Maintenance({
      databases,
      retention,
      maxFailed,
      get ownJobs() {
        return ownJobs()
      },
      try: attempt,
      tellAside: ({ recordId, why }) => aside('AFTERWORD_SET_ASIDE', [idOf(recordId), why]),
      look: () => this.#answers.look(),
      logMoved: () => this.#withdrawals.look(),
      lookAround: () => {
        this.#watch.check()
        for (const table of this.#tables) this.#on(table, () => this.#lookIfSeenAnew(table))
      },
      everyMinute: () => {
        this.#withdrawals.forget()
        // A record that has become due since.
        this.#lookForEncrypted()
      },
      mend: (table, error) => this.#mend(table, error),
      checkRows: (table, from, to) => void this.#mending.setOddAside(table, from, to),
      recovered: () => {
        this.#reported = undefined
      },
    })
    this.#watch = new ChangeWatch(databases.sharedFile, () => this.#lookIfChanged())
    this.#enlist()
    this.#maintenance.enlisted(slotOf(process))
    this.#maintenance.begin()
  }

  receive(message: ToServer): void {
    // The client still gets the answer to a group.
    if (this.#closed && message.type !== 'group' && message.type !== 'sync') return
    this.#maintenance.noteWork()
    switch (message.type) {
      case 'prepare':
      case 'sync':
        return this.#databases.log?.receive(message, this.#tell)
      case 'block':
        return void this.#try(() => this.#databases.own.beginBlock(message.recordId))
      case 'group':
        return this.#commit(message, clock.date() + longestBusy)
      case 'jobs':
        this.#jobs = message.jobs
        this.#ownJobs = { known: message.jobs.known, shared: message.jobs.known }
        return this.#enlist()
      case 'resume':
        return this.#answers.resume(message.claimed)
      case 'claim':
        return this.#answers.send(message)
      case 'pause':
        return this.#pauses.set(message)
      case 'withdraw':
        return this.#withdrawals.begin(message)
      case 'found':
        return this.#withdrawals.found(message)
      case 'running':
        return this.#withdrawals.tellRunning(message)
      case 'adopt':
        for (const slot of message.slots) this.#maintenance.adopt(slot)
        return this.#answers.look()
      case 'look':
        this.#databases.check?.()
        return this.#answers.look()
      case 'ending':
        this.#trials.endsInOrder()
        return this.#tell({ type: 'end-noted' })
      case 'retire':
        return this.#databases.retire?.()
      case 'stop':
        return this.#stopLooking()
      case 'close':
        return this.#close(message)
    }
  }

  get #tables(): readonly RecordTable[] {
    return this.#databases.tables
  }

  get #shared(): RecordTable {
    return this.#databases.shared
  }

  #commit(group: CommitGroup, until: number): void {
    const { store } = group
    const { own, shared } = this.#databases
    const { duplicates, failures, left } = this.#groupCommit.commit(group)
    const main = store === 'shared' ? shared : own
    if (store === 'shared' && isBusy(failures.get(shared)) && clock.date() < until) {
      return void setTimeout(() => this.#commit(group, until), 1 + 3 * Math.random())
    }
    // Once the databases are closed nothing is wrong with them: a group that had to wait comes too late, and its records are safe in the log.
    for (const [table, error] of this.#closed ? [] : failures) {
      // A process that reads or recovers the database of a slot is done soon.
      if (!this.#isBehind && (store === 'shared' || !isBusy(error))) this.#report(String(error))
      this.#try(() => this.#mend(table, error))
    }
    this.#isBehind = failures.size > 0
    if (failures.has(main)) return this.#tell({ type: 'refused', store, left })
    this.#tell({ type: 'committed', store, duplicates, ...(failures.size > 0 && { left }) })
    // Other processes may have to wait for a record, or this one may run it.
    if (store === 'shared' && !this.#closed) this.#answers.look()
  }

  #jobsOf(table: RecordTable): RunnableJobs {
    return table === this.#shared ? this.#jobs : this.#ownJobs
  }

  /** Looks where another process has written to the shared database. @returns whether one has */
  #lookIfChanged(): boolean {
    let changed = false
    this.#try(() => {
      const { dataVersion } = this.#shared.claimable
      changed = dataVersion !== this.#dataVersion
      this.#dataVersion = dataVersion
      if (changed) this.#lookAt(this.#shared)
    })
    return changed
  }

  /** Looks at a database that has changed since the last look around: the system may have told nothing, and tells nothing of own slots. */
  #lookIfSeenAnew(table: RecordTable): void {
    const { seen } = table.claimable
    if (seen === this.#seen.get(table)) return
    this.#maintenance.noteWork()
    this.#lookForEncrypted()
    this.#lookAt(table)
    this.#seen.set(table, seen)
  }

  #lookAt(table: RecordTable): void {
    this.#answers.look()
    if (table !== this.#shared) return
    this.#withdrawals.look()
    this.#pauses.look()
  }

  /** Lists this process and its jobs, for those who look at the records. */
  #enlist(): void {
    const enlist = () => this.#shared.enlist(pid, this.#jobs.known)
    if (!this.#try(() => this.#shared.atomically(enlist))) {
      setTimeout(() => this.#closed || this.#enlist(), busyDelay).unref()
    }
    this.#answers.look()
  }

  /** Reports, once, that a record waits for a key that this process does not have. */
  #lookForEncrypted(): void {
    if (this.#encryptedTold || this.#jobs.known.length === 0) return
    const look = (table: RecordTable) => {
      const found = table.claimable.encryptedByOthers(this.#jobsOf(table))
      if (found === undefined || this.#encryptedTold) return
      this.#encryptedTold = true
      this.#tell({ type: 'report', code: 'AFTERWORD_SEALED', values: [found.job, idOf(found.recordId)] })
    }
    for (const table of this.#tables) this.#on(table, () => look(table))
  }

  /** Calls `fn`, which works with a table: trouble with one table is none of the others'. @returns whether `fn` succeeded */
  #on(table: RecordTable, fn: () => void): boolean {
    return this.#try(() => {
      const isShared = table === this.#shared
      this.#mending.on(table, fn)
      if (isShared && table !== this.#shared) this.#enlist()
    })
  }

  #mend(table: RecordTable, error: unknown): boolean {
    const isShared = table === this.#shared
    const isMended = this.#mending.mend(table, error)
    if (isShared && table !== this.#shared) this.#enlist()
    return isMended
  }

  /** Calls `fn`, which is tried again later: a full disk, say, passes. Reports lasting trouble once. @returns whether `fn` succeeded */
  #try(fn: () => void): boolean {
    try {
      fn()
      return true
    } catch (error) {
      if (!isBusy(error)) this.#report(String(error))
      return false
    }
  }

  /** Reports trouble, unless it is the one that was reported last. */
  #report(message: string): void {
    if (message === this.#reported) return
    this.#reported = message
    const code = this.#databases.log === undefined ? 'AFTERWORD_JOURNAL_REFUSED' : 'AFTERWORD_JOURNAL_BEHIND'
    this.#tell({ type: 'report', code, values: [message] })
  }

  /** The process claims nothing any more: an app may close its database from now on. */
  #stopLooking(): void {
    this.#answers.stop()
    this.#withdrawals.stop()
    this.#watch.close()
    this.#maintenance.stop()
  }

  #close({ within, kept }: ToServer & { type: 'close' }): void {
    this.#closed = true
    this.#stopLooking()
    this.#trials.endsInOrder()
    this.#trials.stop()
    const until = clock.now() + Math.min(Math.max(leastForClose, within), mostForClose)
    this.#maintenance.leave(until, kept)
    this.#databases.close(until)
    this.#tell({ type: 'closed' })
  }
}
