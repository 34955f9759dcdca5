import { clearTimeout, clock, setTimeout } from '../../clock.ts'
import { slotOf, slotSize } from '../files/record-id.ts'
import { claimerOf } from '../files/schema.ts'
import type { FromServer, ToServer } from '../protocol.ts'
import type { Databases } from './databases.ts'

/** The time in ms for which another process may take to answer. */
const longest = 10_000
/** The interval in ms at which withdrawals without an answer are tried again: the process that has the record may have died. */
const interval = 250
/** The time in ms after which a row that nobody has removed is forgotten. */
const rowLife = 60_000

/** The server, as its withdrawals see it. */
interface Withdrawing {
  readonly databases: Databases
  /** The number of this process. */
  readonly process: number
  tell(message: FromServer): void
  /** Calls `fn`, and reports its trouble. @returns whether `fn` succeeded */
  try(fn: () => void): boolean
}

/** A withdrawal that the client of this process has asked for. */
interface Ask {
  readonly number: number
  readonly of: (ToServer & { type: 'withdraw' })['of']
  /** The record, once it is found. */
  recordId: number | undefined
  readonly until: number
  /** The row that asks another process. */
  row: number | undefined
  /** The rows that ask the processes with logs, by their slots: a record of a unique key may be in a log alone. */
  readonly logRows: Map<number, number>
}

/** The place of a record: deleted just now; this process's, in a table or, at most, in memory; another living process's; or none. */
type Place = 'withdrawn' | 'here' | 'mine' | 'elsewhere' | 'nowhere'

/**
 * The withdrawals of records that wait. What no process has is deleted, in a transaction that no claim can come between. What a process has
 * in its memory, that process gives up itself; others ask it by a row of the shared database.
 */
export class Withdrawals {
  readonly #server: Withdrawing
  readonly #asks = new Set<Ask>()
  /** The records that the client is being asked for. */
  readonly #asked = new Set<number>()
  /** The client is being asked which records run. */
  #asksRunning = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(server: Withdrawing) {
    this.#server = server
  }

  /** The client wants a record withdrawn, by its id or by its unique key. */
  begin({ number, of }: ToServer & { type: 'withdraw' }): void {
    const ask: Ask = {
      number,
      of,
      recordId: undefined,
      until: clock.date() + longest,
      row: undefined,
      logRows: new Map(),
    } satisfies Ask
    this.#asks.add(ask)
    this.#server.try(() => this.#goOn(ask))
    this.#setTimer()
  }

  /** Some process may have asked for a record, or answered. */
  look(): void {
    if (this.#stopped) return
    if (!this.#asksRunning && this.#running.isOpen(this.#server.process)) {
      this.#asksRunning = true
      this.#server.tell({ type: 'asked', records: undefined })
    }
    this.#askClient(this.#rows.open.filter((recordId) => this.#isHere(recordId)))
    for (const ask of [...this.#asks]) {
      const answer = ask.row === undefined ? undefined : this.#rows.answerTo(ask.row)
      if (answer !== undefined) this.#end(ask, answer)
      else if (ask.recordId === undefined) this.#server.try(() => this.#goOn(ask))
    }
  }

  /** The client has looked for records in its memory, and what it has withdrawn is stored as such. */
  found({ records }: ToServer & { type: 'found' }): void {
    for (const [recordId, isWithdrawn] of records) {
      this.#asked.delete(recordId)
      this.#server.try(() => {
        const place = isWithdrawn === undefined ? this.#withdraw(recordId) : undefined
        // A claim may be on its way to the client, and a log may not be read yet.
        if (place === 'here' || place === 'elsewhere') return
        this.#answer(recordId, isWithdrawn ?? place === 'withdrawn')
      })
    }
  }

  /** The client has told which records run. */
  tellRunning({ records }: ToServer & { type: 'running' }): void {
    const { databases, process } = this.#server
    this.#asksRunning = false
    this.#server.try(() => databases.shared.atomically(() => this.#running.answer(process, records)))
  }

  /** Removes the rows that nobody waits for. */
  forget(): void {
    const before = clock.date() - rowLife
    for (const rows of [this.#rows, this.#running]) {
      if (!rows.hasOld(before)) continue
      this.#server.try(() => this.#server.databases.shared.atomically(() => rows.forget(before)))
    }
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    for (const ask of [...this.#asks]) this.#end(ask, undefined)
  }

  get #rows() {
    return this.#server.databases.shared.withdrawals
  }

  get #running() {
    return this.#server.databases.shared.running
  }

  #answer(recordId: number, isWithdrawn: boolean): void {
    const { shared } = this.#server.databases
    if (this.#rows.open.includes(recordId)) shared.atomically(() => this.#rows.answer(recordId, isWithdrawn))
    for (const ask of [...this.#asks]) if (ask.recordId === recordId) this.#end(ask, isWithdrawn)
  }

  #goOn(ask: Ask): void {
    const recordId = this.#find(ask)
    if (recordId === 'unknown') return
    if (recordId === undefined) return this.#end(ask, false)
    ask.recordId = recordId
    const place = this.#withdraw(recordId)
    if (place === 'withdrawn' || place === 'nowhere') return this.#end(ask, place === 'withdrawn')
    if (place !== 'elsewhere') return this.#askClient([recordId])
    const { shared } = this.#server.databases
    ask.row ??= shared.atomically(() => this.#rows.ask(recordId))
  }

  /** Finds a record. That of a unique key may be in a log still, where it is `'unknown'`. */
  #find(ask: Ask): number | 'unknown' | undefined {
    const { recordId, of } = ask
    if (recordId !== undefined || typeof of === 'number') return recordId ?? (of as number)
    const { databases } = this.#server
    const find = () => this.#rows.find(of.job, of.keys)
    const found = find()
    if (found !== undefined) return found
    databases.recoverLeft()
    const isKnown = this.#areForwarded(ask) && !databases.owned.areRecovering
    return find() ?? (isKnown ? undefined : 'unknown')
  }

  /**
   * Asks the processes that have logs, be they their own or those of dead processes, for the number of the slot, which no record has. A
   * process answers once it has moved the log of a dead one, and has forwarded the records of its own.
   * @returns whether all of them have answered
   */
  #areForwarded({ logRows }: Ask): boolean {
    const { shared, loggedSlots } = this.#server.databases
    const unasked = loggedSlots.filter((slot) => !logRows.has(slot))
    if (unasked.length > 0) {
      shared.atomically(() => {
        for (const slot of unasked) logRows.set(slot, this.#rows.ask(slot * slotSize))
      })
    }
    return loggedSlots.every((slot) => this.#rows.answerTo(logRows.get(slot) as number) !== undefined)
  }

  /** Deletes a record that no process has. @returns where the record is */
  #withdraw(recordId: number): Place {
    const { databases, process } = this.#server
    const isMine = (owner: number) => owner === process || owner === claimerOf(process)
    // The processes before this one on its slots have died.
    const isDead = (owner: number) => this.#has(slotOf(owner)) && !isMine(owner)
    let holder = slotOf(recordId)
    for (const table of databases.tables) {
      // The log may have the record as well, and would bring it back.
      if (table.claimable.isRecovering) continue
      const found = table.atomically(() => table.withdrawals.withdraw(recordId, isDead), true)
      if (found === 'withdrawn') return found
      if (found === undefined) continue
      if (isMine(found.owner)) return 'here'
      holder = slotOf(found.owner)
    }
    if (this.#has(holder)) return databases.owned.isRecovering(holder) ? 'here' : 'mine'
    const isWithdrawn = databases.withdrawLeft(holder, recordId)
    if (isWithdrawn === undefined) return 'elsewhere'
    return isWithdrawn ? 'withdrawn' : 'nowhere'
  }

  /** The slot is this process's. */
  #has(slot: number): boolean {
    const { databases, process } = this.#server
    return slot === slotOf(process) || databases.owned.of(slot * slotSize) !== undefined
  }

  /** Tells whether this process may have a record in memory, or in its files. */
  #isHere(recordId: number): boolean {
    return this.#has(slotOf(recordId)) || this.#has(slotOf(this.#rows.found(recordId)?.owner ?? 0))
  }

  #askClient(recordIds: readonly number[]): void {
    const records = recordIds.filter((recordId) => !this.#asked.has(recordId))
    if (records.length === 0) return
    for (const recordId of records) this.#asked.add(recordId)
    this.#server.tell({ type: 'asked', records })
  }

  /** @param done whether the record was withdrawn; `undefined` if that is not known */
  #end(ask: Ask, done: boolean | undefined): void {
    this.#asks.delete(ask)
    const { row, logRows, number } = ask
    const { shared } = this.#server.databases
    const rows = [row ?? [], ...logRows.values()].flat()
    const remove = () => {
      for (const row of rows) this.#rows.remove(row)
    }
    if (rows.length > 0) this.#server.try(() => shared.atomically(remove))
    this.#server.tell({ type: 'withdrawn', number, done })
  }

  #setTimer(): void {
    if (this.#asks.size === 0 || this.#stopped) return
    this.#timer ??= setTimeout(this.#onTime, interval).unref()
  }

  readonly #onTime = (): void => {
    this.#timer = undefined
    for (const ask of [...this.#asks]) {
      if (clock.date() > ask.until) this.#end(ask, undefined)
      else this.#server.try(() => this.#goOn(ask))
    }
    this.#setTimer()
  }
}
