import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { AfterwordError } from '../../errors.ts'
import { report } from '../../events.ts'
import type { Database } from '../../options/app-database.ts'
import { openDatabase, type Report, reportDamagedWal } from './database.ts'
import { makeFolder } from './folder.ts'
import { logOf } from './log-format.ts'
import { warnOfNetwork } from './network-file-system.ts'
import { ProcessLock } from './process-lock.ts'
import { blockSize, blocks, mostSlots, slotSize } from './record-id.ts'
import { requireKnownVersion } from './schema.ts'
import { isUnread } from './sqlite-errors.ts'

/** The slot that a process owns: the first one that no living process has, and that has no records. */
export interface ProcessSlot {
  readonly lock: ProcessLock
  /** The number of the process, by which it owns records: also the record id before the first one that it gives. */
  readonly process: number
}

/**
 * Takes a slot in a folder.
 * @param recover moves the records of a slot that was left from its log to the databases
 * @param lost the slots that this process has lost: their files may still be open
 * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`
 */
export function openProcessSlot(
  folder: string,
  recover?: (slot: number) => void,
  lost: ReadonlySet<number> = new Set(),
): ProcessSlot {
  return opening(folder, () => {
    requireKnown(join(folder, 'shared.db'))
    let unreadable = 0
    // A slot with records is left to a process that knows their jobs, as long as there is another one.
    for (const begin of [beginIfEmpty, ...(recover === undefined ? [] : [beginAfter(recover)])]) {
      for (const lock of freeLocks(folder, lost)) {
        let process: number | undefined
        try {
          process = begin(folder, lock)
        } catch (error) {
          // A bad sector in the files of one slot: the next one may be readable.
          if (!isUnread(error) || ++unreadable > mostUnreadable) throw error
        }
        if (process === undefined) continue
        lock.keep()
        warnOfNetwork(folder)
        requireWritable(join(folder, 'shared.db'))
        return { lock, process }
      }
    }
    throw new Error(`${mostSlots} processes have a slot already`)
  })
}

/** Calls `open`. @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, or the one that `open` throws */
export function opening<T>(place: string, open: () => T): T {
  try {
    return open()
  } catch (cause) {
    if (cause instanceof AfterwordError) throw cause
    throw new AfterwordError('AFTERWORD_JOURNAL_FOLDER', [place], { cause })
  }
}

/** The most slots that are passed over because their files can't be read: more of them tell of a disk that fails. */
const mostUnreadable = 8
/** The errors that no other slot of the folder would be spared. */
const generalErrors = new Set(['EROFS', 'ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOTDIR', 'ENOENT', 'EIO'])

/**
 * Takes the locks of the slots that no living process has, one after the other. A lock that can't be opened is passed over: it may be
 * another user's. Throws why, where there was no other one.
 */
export function* freeLocks(folder: string, lost?: ReadonlySet<number>): Iterable<ProcessLock> {
  makeFolder(folder)
  let found = false
  let cause: unknown
  for (let slot = 1; slot <= mostSlots; slot++) {
    if (lost?.has(slot)) continue
    let lock: ProcessLock | undefined
    try {
      lock = ProcessLock.take(folder, slot)
    } catch (error) {
      cause ??= error
      if (generalErrors.has((error as NodeJS.ErrnoException).code ?? '')) break
    }
    if (lock === undefined) continue
    found = true
    yield lock
  }
  if (!found && cause !== undefined) throw cause
}

/**
 * Begins a slot that has no records, neither in its database nor in a log. Records of a dead process may be for other processes only: a
 * process that can run them adopts them.
 */
function beginIfEmpty(folder: string, lock: ProcessLock): number | undefined {
  let database: DatabaseSync | undefined
  let process: number | undefined
  try {
    if (requireWritable(logOf(folder, lock.slot))) return undefined
    database = openDatabase(join(folder, `${lock.slot}.db`), 'full', tell, true)
    if (isEmpty(database)) process = beginBlock(database, lock.slot)
    return process
  } finally {
    database?.close()
    if (process === undefined) lock.release()
  }
}

/** Makes a function that begins a slot with records, whose process has died. They are this process's to run from then on. */
function beginAfter(recover: (slot: number) => void) {
  return (folder: string, lock: ProcessLock): number | undefined => {
    let database: DatabaseSync | undefined
    let process: number | undefined
    try {
      recover(lock.slot)
      database = openDatabase(join(folder, `${lock.slot}.db`), 'full', tell, true)
      process = beginBlock(database, lock.slot)
    } catch {
      // The next slot may be readable.
    } finally {
      database?.close()
      if (process === undefined) lock.release()
    }
    return process
  }
}

/**
 * Requires that a file can be written if it is there. A thread opens it later, when requests have been answered. Throws the errors of
 * `access`. @returns whether the file is there
 */
function requireWritable(path: string): boolean {
  if (!existsSync(path)) return false
  accessSync(path, constants.W_OK)
  return true
}

/** Requires that a database is of no newer release, if that can be told now. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` */
function requireKnown(path: string): void {
  if (!existsSync(path)) return
  // The last one who closes a database has its WAL written back.
  reportDamagedWal(path, tell)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path)
    requireKnownVersion(database, path)
  } catch (error) {
    // A thread opens the database later, and tells of all other trouble.
    if (error instanceof AfterwordError) throw error
  } finally {
    database?.close()
  }
}

export const tell: Report = (code, values, cause) => report(new AfterwordError(code, values, { cause }))

/** The database has no records. One that can't be read counts as not empty: a process that adopts it checks it. */
function isEmpty(database: Database): boolean {
  try {
    return database.prepare('SELECT 1 FROM afterword_records LIMIT 1').get() === undefined
  } catch {
    return false
  }
}

/**
 * Begins a block of keys: the first one of it. A database that is new begins with the minutes since 2026, so that one which replaces
 * another, damaged or deleted, gives none of its keys again.
 */
export function beginBlock(database: Database, slot: number): number {
  const minutes = Math.floor((clock.date() - Date.UTC(2026, 0)) / 60_000)
  const row = database
    .prepare(
      `INSERT INTO afterword_slots (slot, block) VALUES (?, ?) ON CONFLICT (slot) DO UPDATE SET block = block + 1 RETURNING block`,
    )
    .all(slot, Math.min(Math.max(1, minutes), blocks / 2))[0] as { block: number }
  return slot * slotSize + row.block * blockSize
}
