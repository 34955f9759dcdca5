import { closeSync, existsSync, openSync, readSync, renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { ErrorCode } from '../../errors.ts'
import type { Database } from '../../options/app-database.ts'
import { makeFile } from './folder.ts'
import { migrate } from './schema.ts'
import { atomically } from './transaction.ts'
import { keepDamagedWal, walOf } from './wal.ts'

export type Sync = 'normal' | 'full'
/** Result codes of SQLite, https://sqlite.org/rescode.html, by their names. */
const codes = {
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_NOMEM: 7,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_NOTADB: 26,
} as const
const code = {
  busy: codes.SQLITE_BUSY,
  readOnly: codes.SQLITE_READONLY,
  damaged: codes.SQLITE_CORRUPT,
  notOpened: codes.SQLITE_CANTOPEN,
  noDatabase: codes.SQLITE_NOTADB,
}

function codeOf(error: unknown): number {
  const { errcode, code: name } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  if (errcode !== undefined) return (Number(errcode) || 0) & 0xff
  // better-sqlite3 names the codes, with more behind them.
  const [base = ''] = /^SQLITE_[A-Z]+/.exec(String(name)) ?? []
  return codes[base as keyof typeof codes] ?? 0
}

/** The error concerns the file or the system: not the one record with which it came. */
export function concernsFile(error: unknown): boolean {
  return Object.values<number>(codes).includes(codeOf(error))
}

/** The error says that a value is no number that JavaScript can have. */
export function isOutOfRange(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_OUT_OF_RANGE'
}

/** The error says that another process is writing. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === code.busy
}

/** Makes an error that `isBusy` recognises. */
export function busy(message: string): Error {
  return Object.assign(new Error(message), { errcode: code.busy })
}

/** Makes an error that `isDamage` recognises. */
export function damage(message: string): Error {
  return Object.assign(new Error(message), { errcode: code.damaged })
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
  reportDamagedWal(path, tell)
  try {
    return openUnmoved(path, sync, checked)
  } catch (error) {
    if (!isDamage(error)) throw error
    const aside = moveAside(path)
    tell('AFTERWORD_JOURNAL_DAMAGED', [path, aside], error)
    return openUnmoved(path, sync, true)
  }
}

/** Keeps a copy of a WAL that is damaged, and reports it. The database is to be opened next. */
export function reportDamagedWal(path: string, tell: Report): void {
  const aside = keepDamagedWal(path)
  if (aside !== undefined) tell('AFTERWORD_JOURNAL_DAMAGED', [walOf(path), aside])
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

/**
 * Checks a whole file: damage in its midst is found only when that part is read, which may be much later, and fails again and again.
 * Indexes are made anew where they differ from their tables; single values that no release writes are left to the upkeep.
 */
function checkIntegrity(database: DatabaseSync): void {
  const [found] = faultsOf(database)
  // A page that could not be read once may be all right.
  if (found === undefined || faultsOf(database).length === 0) return
  try {
    atomically(database, () => {
      rebuildIndexes(database)
      const left = faultsOf(database).find((fault) => !/ value in |^NULL value/.test(fault))
      if (left !== undefined) throw damage(left)
    })
  } catch (error) {
    throw isDamage(error) ? damage(found) : error
  }
}

function faultsOf(database: DatabaseSync): string[] {
  const rows = database.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]
  return rows.map(({ integrity_check: message }) => message).filter((message) => message !== 'ok')
}

/** Makes the indexes anew from their tables. Throws the errors of SQLite. */
export function rebuildIndexes(database: Database): void {
  database.exec('REINDEX afterword_records; REINDEX afterword_failed')
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
