import { clock } from '../../clock.ts'
import { pause } from '../files/pause.ts'
import { slotOf } from '../files/record-id.ts'
import { atomically } from '../files/transaction.ts'
import { WithdrawalRows } from '../files/withdrawal-rows.ts'
import { interval, type JournalFiles, longestAnswer, notAnswering } from './journal-files.ts'

/** Withdraws records that wait, from outside. A record that a living process has in memory is that process's to give up: a row asks it. */
export class OutsideWithdrawal {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  /** @returns whether the record was withdrawn. Throws an `Error` if the process that has it does not answer */
  withdraw(recordId: number): boolean {
    let row: number | undefined
    const until = clock.date() + longestAnswer
    try {
      for (;;) {
        this.#files.openNew()
        const holder = this.#delete(recordId)
        if (holder === 'withdrawn') return true
        // The records of a process that has died are nobody's.
        const deleted = this.#files.inLeft(holder, () => {
          this.#files.recover(holder)
          this.#files.openNew()
          return this.#delete(recordId, holder) === 'withdrawn'
        })
        if (deleted !== undefined) return deleted
        if (!this.#files.isAlive(holder)) return false
        row ??= this.#rows((rows) => rows.ask(recordId))
        const asked = row
        const answer = asked === undefined ? undefined : this.#rows((rows) => rows.answerTo(asked))
        if (answer !== undefined) return answer
        if (clock.date() > until) throw new Error(notAnswering(recordId))
        pause(interval)
      }
    } finally {
      const asked = row
      if (asked !== undefined) this.#rows((rows) => rows.remove(asked))
    }
  }

  /**
   * Deletes a record that no process has. The database of a slot is its process's, or of who has the lock: the log of the slot may have
   * the record as well, and would bring it back.
   * @param left a slot whose lock this process has, and whose log is moved
   * @returns the slot of the process that has the record, or had it
   */
  #delete(recordId: number, left?: number): number | 'withdrawn' {
    let holder = slotOf(recordId)
    const isDead = (process: number) => slotOf(process) === left
    const found = this.#files.each((database, name) => {
      const rows = new WithdrawalRows(database)
      const mayDelete = name === this.#files.shared || left !== undefined
      return [mayDelete ? atomically(database, () => rows.withdraw(recordId, isDead)) : rows.found(recordId)]
    })
    for (const each of found) {
      if (each === 'withdrawn') return each
      if (each !== undefined && each.owner > 0) holder = slotOf(each.owner)
    }
    return holder
  }

  /** Works with the rows of the shared database; `undefined` where that can't be read. */
  #rows<T>(work: (rows: WithdrawalRows) => T): T | undefined {
    for (const value of this.#files.inShared((database) => [
      atomically(database, () => work(new WithdrawalRows(database))),
    ]))
      return value
    return undefined
  }
}
