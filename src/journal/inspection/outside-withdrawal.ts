import { clock } from '../../clock.ts'
import { pause } from '../files/pause.ts'
import { slotOf } from '../files/record-id.ts'
import { atomically } from '../files/transaction.ts'
import { WithdrawalRows } from '../files/withdrawal-rows.ts'
import type { JournalFiles } from './journal-files.ts'

/** The time in ms for which a living process may take to answer, and the interval at which its answer is looked for. */
const longest = 10_000
const interval = 20

/** Withdraws records that wait, from outside. A record that a living process has in memory is that process's to give up: a row asks it. */
export class OutsideWithdrawal {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  /** @returns whether the record was withdrawn. Throws an `Error` if the process that has it does not answer */
  withdraw(recordId: number): boolean {
    let row: number | undefined
    const until = clock.date() + longest
    try {
      for (;;) {
        this.#files.openNew()
        const holder = this.#delete(recordId, () => false)
        if (holder === 'withdrawn') return true
        // The records of a process that has died are nobody's.
        const isDead = (process: number) => slotOf(process) === holder
        const deleted = this.#files.inLeft(holder, () => {
          this.#files.recover(holder)
          this.#files.openNew()
          return this.#delete(recordId, isDead) === 'withdrawn'
        })
        if (deleted !== undefined) return deleted
        if (!this.#files.isAlive(holder)) return false
        row ??= this.#rows((rows) => rows.ask(recordId))
        const asked = row
        const answer = asked === undefined ? undefined : this.#rows((rows) => rows.answerTo(asked))
        if (answer !== undefined) return answer
        if (clock.date() > until) throw new Error(`The process that has ${recordId.toString(36)} does not answer.`)
        pause(interval)
      }
    } finally {
      const asked = row
      if (asked !== undefined) this.#rows((rows) => rows.remove(asked))
    }
  }

  /** Deletes a record that no process has. @returns the slot of the process that has it, or had it */
  #delete(recordId: number, isDead: (process: number) => boolean): number | 'withdrawn' {
    let holder = slotOf(recordId)
    const found = this.#files.each((database) => [
      atomically(database, () => new WithdrawalRows(database).withdraw(recordId, isDead)),
    ])
    for (const each of found) {
      if (each === 'withdrawn') return each
      if (each !== undefined) holder = slotOf(each.owner)
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
