import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { FrameBuffer } from '../../src/journal/client/frame-buffer.ts'
import { LogFile } from '../../src/journal/client/log-file.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { acceptEntry, entry, logOf, type RecordRow } from '../../src/journal/files/log-format.ts'
import { LogNotes } from '../../src/journal/files/log-notes.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { idOf, slotSize } from '../../src/journal/files/record-id.ts'
import { owner } from '../../src/journal/files/schema.ts'
import { AddedRecords } from '../../src/journal/server/added-records.ts'

/** The number of the process that has died, in slot 1. */
const dead = slotSize

/** The files of a process that was killed, in slot 1 of a folder: what its log tells, and what it has moved to the databases without a note of that. */
export class DeadLog {
  readonly folder: string
  readonly #file: LogFile

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'afterword-dead-'))
    ProcessLock.take(this.folder, 1)?.release()
    for (const name of ['1', 'shared'] as const) this.inDatabase(name, () => {})
    this.#file = new LogFile(logOf(this.folder, 1), false, () => {})
  }

  /** Makes the row of a record of job 'send', whose arguments are its number. */
  row(n: number, by: number = dead, uniqueKey: string | null = null): RecordRow {
    return [dead + n, 'send', 1, JSON.stringify([n]), null, 0, 0, 0, 0, by, uniqueKey]
  }

  id(n: number): string {
    return idOf(dead + n)
  }

  /** Writes that records are accepted. */
  accept(...rows: RecordRow[]): void {
    this.#write(...rows.map((row) => acceptEntry(row) + row[3]))
  }

  /** Writes that a record has failed. */
  fail(n: number): void {
    this.#write(JSON.stringify([entry.failed, dead + n, 1, Date.now(), 'failed\nno luck']))
  }

  close(): void {
    this.#file.close(false)
  }

  /** Works with the database of the slot, or the shared one. */
  inDatabase(name: '1' | 'shared', work: (added: AddedRecords, notes: LogNotes) => void): void {
    using database = openDatabase(join(this.folder, `${name}.db`), 'normal', (code) => expect.unreachable(code))
    work(new AddedRecords(database), new LogNotes(database))
  }

  /** Moves a record to the database of the slot, where any worker may claim it. */
  moveFree(n: number): void {
    this.inDatabase('1', (added) => added.insert(this.row(n, owner.free)))
  }

  /** Moves a record that any worker may claim to the shared database. */
  forward(n: number): void {
    this.inDatabase('shared', (added, notes) => {
      added.insert(this.row(n, owner.free))
      notes.noteForwarded(dead + n)
    })
  }

  /** Lists a record as failed in the database of the slot. */
  listFailed(n: number): void {
    const failure = { row: this.row(n), attempt: 1, failedAt: Date.now(), reason: 'failed', error: 'no luck' }
    this.inDatabase('1', (added) => added.insertFailed(failure))
  }

  #write(...entries: string[]): void {
    const frame = new FrameBuffer()
    for (const each of entries) frame.add(each)
    if (this.#file.current === undefined) this.#file.advance(frame.size)
    this.#file.write(frame)
  }
}
