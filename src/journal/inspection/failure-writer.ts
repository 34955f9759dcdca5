import type { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { idOf, slotOf } from '../files/record-id.ts'
import { claimableOwners, owner } from '../files/schema.ts'
import { atomically } from '../files/transaction.ts'
import { count, type JournalFiles, pages } from './journal-files.ts'
import type { Changed } from './listed.ts'
import { OutsideWithdrawal } from './outside-withdrawal.ts'

const removeSql = 'DELETE FROM afterword_failed WHERE key = ?'

/** The writer retries failed records, and discards records. Each method yields its answer, or its pages. */
export class FailureWriter {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *count(): Generator<number> {
    this.#files.leaveLogs()
    yield [...this.#files.each((database) => [count(database, 'failed')])].reduce((sum, failed) => sum + failed, 0)
  }

  /** Makes failed records pending again. A record stays where its unique key is another record's by now. */
  retry(ids: readonly string[] | undefined): Generator<Changed[]> {
    return this.#change(ids, (database) => {
      const add = database.prepare(
        `INSERT OR IGNORE INTO afterword_records (key, job, version, args, options, created, run_at, owner, singleton, lane)
        SELECT key, job, version, args, options, created, ?2, ${owner.free}, singleton, lane FROM afterword_failed WHERE key = ?1`,
      )
      const remove = database.prepare(removeSql)
      return (recordId) => add.run(recordId, clock.date()).changes > 0 && remove.run(recordId).changes > 0
    })
  }

  /** Deletes failed records; with `ids`, records that wait as well, in whichever process. */
  discard(ids: readonly string[] | undefined): Generator<Changed[]> {
    if (ids !== undefined) return this.#discard(ids)
    return this.#change(ids, (database) => {
      const remove = database.prepare(removeSql)
      return (recordId) => remove.run(recordId).changes > 0
    })
  }

  /** Makes records due that wait for a later time. Those that a living process has in its memory stay as they are: they are that process's to run. */
  *run(ids: readonly string[]): Generator<Changed[]> {
    const change = (recordId: number) => (database: DatabaseSync) => [
      atomically(
        database,
        () =>
          database
            .prepare(
              `UPDATE afterword_records SET run_at = ?2, delay = 0 WHERE key = ?1 AND run_at > ?2 AND owner IN (${claimableOwners})`,
            )
            .run(recordId, clock.date()).changes > 0,
      ),
    ]
    yield ids.map((id) => {
      const recordId = this.#files.recordIdOf(id)
      const done = !Number.isNaN(recordId) && [...this.#files.each(change(recordId))].includes(true)
      return { id, done }
    })
  }

  /** A record is listed as failed in a database, and no log answers for it any more. */
  #hasFailed(recordId: number): boolean {
    if (Number.isNaN(recordId)) return false
    const slot = slotOf(recordId)
    this.#files.leaveLog(slot)
    const find = (database: DatabaseSync) => [
      database.prepare('SELECT 1 FROM afterword_failed WHERE key = ?').get(recordId),
    ]
    const hasFailed = [...this.#files.each(find)].some((row) => row !== undefined)
    if (hasFailed) this.#files.leaveLog(slot, [recordId])
    return hasFailed
  }

  *#discard(ids: readonly string[]): Generator<Changed[]> {
    const remove = (recordId: number) => (database: DatabaseSync) => [
      atomically(database, () => database.prepare(removeSql).run(recordId).changes > 0),
    ]
    const withdrawal = new OutsideWithdrawal(this.#files)
    yield ids.map((id) => {
      const recordId = this.#files.recordIdOf(id)
      if (Number.isNaN(recordId)) return { id, done: false }
      const isFailed = this.#hasFailed(recordId) && [...this.#files.each(remove(recordId))].includes(true)
      return { id, done: isFailed || withdrawal.withdraw(recordId) }
    })
  }

  *#change(ids: readonly string[] | undefined, prepare: (database: DatabaseSync) => (recordId: number) => boolean) {
    if (ids !== undefined) {
      // Any of the databases may have the record.
      const change = (recordId: number) => {
        if (!this.#hasFailed(recordId)) return false
        for (const done of this.#files.each((database) => [atomically(database, () => prepare(database)(recordId))])) {
          if (done) return true
        }
        return false
      }
      yield ids.map((id) => ({ id, done: change(this.#files.recordIdOf(id)) }))
      return
    }
    this.#files.leaveLogs()
    const files = this.#files
    yield* files.each(function* (database, name) {
      const change = prepare(database)
      // A record that fails anew meanwhile has an id that is past.
      for (const rows of pages<{ key: number }>(database, 'SELECT key FROM afterword_failed')) {
        if (name !== files.shared)
          files.leaveLog(
            Number(name),
            rows.map(({ key }) => key),
          )
        yield atomically(database, () => rows.map(({ key }) => ({ id: idOf(key), done: change(key) })))
      }
    })
  }
}
