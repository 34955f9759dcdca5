import type { Database } from '../../options/app-database.ts'
import { slotOf, slotSize } from './record-id.ts'

/** The notes in a database of what has come from the logs of slots. A log may have such records still: they are the database's, or have ended. */
export class LogNotes {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The highest id of a record that was moved here from the log of a dead process of a slot: the records up to it are moved or done. */
  lastMoved(slot: number): number {
    return this.#last('SELECT moved AS record FROM afterword_slots WHERE slot = ?1 AND moved BETWEEN ?2 AND ?3', slot)
  }

  noteMoved(recordId: number): void {
    // The database may have been made anew.
    this.#database
      .prepare(
        'INSERT INTO afterword_slots (slot, block, moved) VALUES (?, 0, ?) ON CONFLICT (slot) DO UPDATE SET moved = excluded.moved',
      )
      .run(slotOf(recordId), recordId)
  }

  /** The highest id of a record that a process of a slot has forwarded here from its log. */
  lastForwarded(slot: number): number {
    return this.#last('SELECT record FROM afterword_forwarded WHERE slot = ?1 AND record BETWEEN ?2 AND ?3', slot)
  }

  /** Notes that a record was forwarded here: another process may have run it before the log tells that it has moved. */
  noteForwarded(recordId: number): void {
    this.#database
      .prepare(
        'INSERT INTO afterword_forwarded VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET record = max(record, excluded.record)',
      )
      .run(slotOf(recordId), recordId)
  }

  /** Reads an id of a slot; 0 where there is none. */
  #last(sql: string, slot: number): number {
    const row = this.#database.prepare(sql).get(slot, slot * slotSize, (slot + 1) * slotSize - 1)
    return (row as { record: number } | undefined)?.record ?? 0
  }
}
