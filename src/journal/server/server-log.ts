import { closeSync, constants, fdatasyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Report, Sync } from '../files/database.ts'
import { syncFolder } from '../files/folder.ts'
import type { RecordRow } from '../files/log-format.ts'
import { recordAt } from '../files/log-reader.ts'
import { writeZeros } from '../files/log-space.ts'
import { idOf } from '../files/record-id.ts'
import type { FromServer, ToServer } from '../protocol.ts'

/** The log of this process as the journal's thread has it: syncs it, writes segments ahead, and reads the records that move. */
export class ServerLog {
  readonly #path: string
  readonly #sync: Sync
  readonly #tell: Report
  #file: number | undefined

  constructor(path: string, sync: Sync, tell: Report) {
    this.#path = path
    this.#sync = sync
    this.#tell = tell
  }

  receive(message: ToServer & { type: 'prepare' | 'sync' }, tell: (message: FromServer) => void): void {
    const type = message.type === 'prepare' ? 'prepared' : 'synced'
    try {
      if (message.type === 'prepare') this.#prepare(message.offset, message.bytes)
      else fdatasyncSync(this.#opened())
      tell({ type })
    } catch (error) {
      tell({ type, error: String(error) })
    }
  }

  /** Reads a record that moves to a database. One that the log has no more is reported: it can't be stored. */
  read(recordId: number, offset: number): RecordRow | undefined {
    const row = this.#find(recordId, offset)
    if (row === undefined)
      this.#tell('AFTERWORD_JOURNAL_REFUSED', [`record ${idOf(recordId)} is not in the log any more`])
    return row
  }

  #find(recordId: number, offset: number): RecordRow | undefined {
    try {
      return recordAt(this.#opened(), offset, recordId)
    } catch (error) {
      // The file was deleted.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /** Writes a segment in full: then a full disk shows now, and syncing the log needs no change of the file's size or place. */
  #prepare(offset: number, bytes: number): void {
    const file = this.#opened()
    writeZeros(file, offset, bytes)
    if (this.#sync === 'full') fdatasyncSync(file)
  }

  #opened(): number {
    if (this.#file !== undefined) return this.#file
    const file = openSync(this.#path, constants.O_RDWR)
    // The name of a new file has to outlive the machine as well.
    if (this.#sync === 'full') syncFolder(dirname(this.#path))
    this.#file = file
    return file
  }
}
