import { closeSync, constants, fdatasyncSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Sync } from '../files/database.ts'
import { syncFolder } from '../files/folder.ts'
import type { RecordRow } from '../files/log-format.ts'
import { recordAt } from '../files/log-reader.ts'
import { writeZeros } from '../files/log-space.ts'
import type { FromServer, ToServer } from '../protocol.ts'

/** The number of times that a record is read before its place counts as damaged. */
const mostReads = 3

/** A record that moves; `why` is set where it can't be read, or only with values that may be damaged. */
export interface MovedRow {
  readonly row?: RecordRow
  readonly why?: string
}

/** The log of this process as the journal's thread has it: syncs it, writes segments ahead, and reads the records that move. */
export class ServerLog {
  readonly #path: string
  readonly #sync: Sync
  #file: number | undefined
  /** The segments that were written ahead and could not be synced, and the last error. The system tells it once, of records as well. */
  #failures = 0
  #error: unknown

  constructor(path: string, sync: Sync) {
    this.#path = path
    this.#sync = sync
  }

  receive(message: ToServer & { type: 'prepare' | 'sync' }, tell: (message: FromServer) => void): void {
    const type = message.type === 'prepare' ? 'prepared' : 'synced'
    try {
      if (message.type === 'prepare') this.#prepare(message.offset, message.bytes)
      else this.#syncAll(message.known)
      tell({ type, failures: this.#failures })
    } catch (error) {
      tell({ type, error: String(error), failures: this.#failures })
    }
  }

  /** Reads a record that moves to a database. */
  read(recordId: number, offset: number): MovedRow {
    for (let tries = mostReads; ; tries--) {
      try {
        const found = recordAt(this.#opened(), offset, recordId)
        if (found === undefined) return { why: 'it is not in the log any more' }
        return found.isBroken ? { ...found, why: 'its entry in the log was damaged' } : found
      } catch (error) {
        // One error tells nothing yet.
        if (tries === 1) return { why: String(error) }
      }
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
    if (this.#sync !== 'full') return
    try {
      fdatasyncSync(file)
    } catch (error) {
      this.#failures++
      this.#error = error
      throw error
    }
  }

  #syncAll(known: number): void {
    if (known < this.#failures) throw this.#error
    fdatasyncSync(this.#opened())
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
