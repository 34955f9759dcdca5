import { closeSync, constants, fdatasyncSync, openSync } from 'node:fs'
import type { Sync } from '../files/database.ts'
import { FileIdentity } from '../files/file-identity.ts'
import { logOf, type RecordRow } from '../files/log-format.ts'
import { type FindRecord, recordsAt } from '../files/log-reader.ts'
import { writeZeros } from '../files/log-space.ts'
import { lockOf } from '../files/process-lock.ts'
import { unread } from '../files/sqlite-errors.ts'
import type { FromServer, ToServer } from '../protocol.ts'

/** The number of groups for which a record can't be read before it is set aside. */
const mostFailedReads = 5

/** A record that moves; `why` is set where it can't be read, or only with values that may be damaged. */
export interface MovedRow {
  readonly row?: RecordRow
  readonly why?: string
}

/** The log of this process as the journal's thread has it: syncs it, writes segments ahead, and reads the records that move. */
export class ServerLog {
  readonly #path: string
  readonly #lock: FileIdentity
  readonly #sync: Sync
  /** The records that could not be read, and how often. */
  readonly #failedReads = new Map<number, number>()
  #files: readonly [file: number, syncs: number] | undefined

  /** @param slot the slot of this process, whose lock it has */
  constructor(folder: string, slot: number, sync: Sync) {
    this.#path = logOf(folder, slot)
    this.#lock = new FileIdentity(lockOf(folder, slot))
    this.#sync = sync
  }

  receive(message: ToServer & { type: 'prepare' | 'sync' }, tell: (message: FromServer) => void): void {
    const answer =
      message.type === 'prepare' ? { type: 'prepared' as const } : { type: 'synced' as const, number: message.number }
    try {
      if (message.type === 'prepare') this.#prepare(message.offset, message.bytes)
      else fdatasyncSync(this.#opened[1])
      tell(answer)
    } catch (error) {
      tell({ ...answer, error: String(error) })
    }
  }

  /**
   * Makes a function that reads the records of one group that move to a database. It throws the errors of the file system that may pass: the
   * group is sent again. The calls of one turn share a frame, which is read once for all of them; later groups may find another one in its place.
   */
  reader(): (recordId: number, offset: number) => MovedRow {
    let frame: { readonly offset: number; readonly find: FindRecord } | undefined
    return (recordId, offset) => {
      try {
        if (frame?.offset !== offset) frame = { offset, find: recordsAt(this.#file, offset) }
        const found = frame.find(recordId)
        this.#failedReads.delete(recordId)
        if (found === undefined) return { why: 'it is not in the log any more' }
        return found.isBroken ? { ...found, why: 'its entry in the log was damaged' } : found
      } catch (error) {
        const failed = 1 + (this.#failedReads.get(recordId) ?? 0)
        this.#failedReads.set(recordId, failed)
        if (failed < mostFailedReads) throw error
        return { why: String(error) }
      }
    }
  }

  close(): void {
    for (const file of this.#files ?? []) closeSync(file)
    this.#files = undefined
  }

  /** Writes a segment in full: then a full disk shows now, and syncing the log needs no change of the file's size or place. */
  #prepare(offset: number, bytes: number): void {
    writeZeros(this.#file, offset, bytes)
    if (this.#sync === 'full') fdatasyncSync(this.#file)
  }

  get #file(): number {
    return this.#opened[0]
  }

  /**
   * Two handles. The system tells each handle once of what it could not write: a sync of a segment that is written ahead must not be the
   * one that is told of a lost record.
   */
  get #opened(): readonly [file: number, syncs: number] {
    if (this.#files !== undefined) return this.#files
    const files = [openSync(this.#path, constants.O_RDWR), openSync(this.#path, constants.O_RDWR)] as const
    if (!this.#lock.isGone) return (this.#files = files)
    // The folder was moved away: in a new one the name is that of another process's log.
    for (const file of files) closeSync(file)
    throw unread(`"${this.#path}" is not the log of this process any more`)
  }
}
