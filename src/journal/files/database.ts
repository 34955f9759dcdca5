import { closeSync, existsSync, openSync, readSync, renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { ErrorCode } from '../../errors.ts'
import type { Database } from '../../options/app-database.ts'
import { makeFile } from './folder.ts'
import { migrate } from './schema.ts'

export type Sync = 'normal' | 'full'
/** Result codes of SQLite, https://sqlite.org/rescode.html. */
const code = { busy: 5, readOnly: 8, damaged: 11, notOpened: 14, noDatabase: 26 } as const

function codeOf(error: unknown): number {
  return (Number((error as { errcode?: unknown } | null)?.errcode) || 0) & 0xff
}

/** The error says that another process is writing. */
export function isBusy(error: unknown): boolean {
  // better-sqlite3 names the codes.
  return codeOf(error) === code.busy || String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')
}

/** Makes an error that `isBusy` recognises. */
export function busy(message: string): Error {
  return Object.assign(new Error(message), { errcode: code.busy })
}

/** The error says that the file is damaged. */
export function isDamage(error: unknown): boolean {
  return codeOf(error) === code.damaged || isNoDatabase(error)
}

/** The error says that the file is no database, or damaged from its first bytes on. */
export function isNoDatabase(error: unknown): boolean {
  return codeOf(error) === code.noDatabase
}

/** The error says that the system refuses access, or SQLite, which needs files beside the one that it opens. */
export function isForbidden(error: unknown): boolean {
  const { code: name } = error as { code?: unknown }
  const isRefused = name === 'EACCES' || name === 'EPERM' || name === 'EROFS'
  return isRefused || codeOf(error) === code.readOnly || codeOf(error) === code.notOpened
}

/** The value of `PRAGMA auto_vacuum` for incremental. */
const incremental = 2

/** Reports trouble, from either thread. */
export type Report = (code: ErrorCode, values: readonly unknown[], cause?: unknown) => void

/** The time in ms for which a statement waits for another process that is writing. The thread of the requests does not wait for it. */
const busyTimeout = 1000

/**
 * Opens a database of the journal. A damaged one is moved aside, and reported.
 * @param checked the file need not be checked
 * @throws AfterwordError `AFTERWORD_JOURNAL_NEWER`
 */
export function openDatabase(path: string, sync: Sync, tell: Report, checked = false): DatabaseSync {
  try {
    return openUnmoved(path, sync, checked)
  } catch (error) {
    if (!isDamage(error)) throw error
    const aside = moveAside(path)
    tell('AFTERWORD_JOURNAL_DAMAGED', [path, aside], error)
    return openUnmoved(path, sync, true)
  }
}

/** Opens a database of the journal. Throws where the file is damaged, and leaves it there. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` */
export function openUnmoved(path: string, sync: Sync, checked = false): DatabaseSync {
  makeFile(path)
  const database = new DatabaseSync(path)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    if (!checked && isSmall(database)) checkIntegrity(database)
    // Free pages go back to the disk. The pragma has to come before the first table, and is a write also where it was set before.
    const { auto_vacuum: vacuum } = database.prepare('PRAGMA auto_vacuum').get() as { auto_vacuum: number }
    if (vacuum !== incremental) database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${4 * 2 ** 20}`)
    migrate(database, path)
    setSync(database, sync)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The size in bytes of the largest file that is checked at once: in some 20 ms. */
const mostChecked = 2 * 2 ** 20

/** The file is checked when it is opened. A larger one is checked bit by bit, while it is in use. */
export function isSmall(database: Database): boolean {
  const { size } = database
    .prepare('SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size')
    .get() as {
    size: number
  }
  return size <= mostChecked
}

/** Checks a whole file: damage in its midst is found only when that part is read, which may be much later, and fails again and again. */
function checkIntegrity(database: DatabaseSync): void {
  const check = () => (database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string }).quick_check
  // A page that could not be read once may be all right.
  const found = check() === 'ok' ? 'ok' : check()
  if (found !== 'ok') throw Object.assign(new Error(found), { errcode: code.damaged })
}

/** Sets `synchronous`, by `exec`: a prepared pragma acts when it is prepared, not when it is run. */
export function setSync(database: Database, sync: Sync): void {
  database.exec(`PRAGMA synchronous = ${sync === 'full' ? 'FULL' : 'NORMAL'}`)
}

/** The number of pages that one statement gives back to the disk. */
const freedAtOnce = 256

/** Gives some of the free pages of a database back to the disk. @returns whether those were all */
export function giveSpaceBack(database: Database): boolean {
  database.exec(`PRAGMA incremental_vacuum(${freedAtOnce})`)
  const isLast = (database.prepare('PRAGMA freelist_count').get() as { freelist_count: number }).freelist_count === 0
  // The file becomes shorter when its log is written back.
  if (isLast) database.exec('PRAGMA wal_checkpoint')
  return isLast
}

/**
 * Moves a database aside, with the files beside it. No handle of this process may have it open. Throws where it can't be read: then it may
 * not be damaged at all. @returns its path then
 */
export function moveAside(path: string): string {
  for (const part of ['', '-wal']) if (existsSync(path + part)) requireReadable(path + part)
  const suffix = `damaged-${new Date().toISOString().replaceAll(':', '-')}`
  for (const part of ['', '-wal', '-shm']) {
    if (existsSync(path + part)) renameSync(path + part, `${path}.${suffix}${part}`)
  }
  return `${path}.${suffix}`
}

/** Reads a whole file: SQLite does not tell each page that it could not read from one that is damaged. */
function requireReadable(path: string): void {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.allocUnsafe(2 ** 20)
    for (let at = 0, read = 1; read > 0; at += read) read = readSync(file, buffer, 0, buffer.length, at)
  } finally {
    closeSync(file)
  }
}
