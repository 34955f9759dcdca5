import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Database } from '../../options/app-database.ts'
import { moveIfDamaged } from './damage-check.ts'
import { makeFile } from './folder.ts'
import { checkIntegrity } from './integrity.ts'
import { migrateChecked } from './schema.ts'
import { isDamage, isUnread, unread } from './sqlite-errors.ts'
import { keepDamagedWal, walOf } from './wal.ts'

export type Sync = 'normal' | 'full'
/** The value of `PRAGMA auto_vacuum` for incremental. */
const incremental = 2

/** Reports trouble, from either thread. */
export type Report = (code: ErrorCode, values: readonly unknown[], cause?: unknown) => void

/** The time in ms for which a statement waits for another process that is writing. The thread of the requests does not wait for it. */
const busyTimeout = 1000

/** The number of times that a database is opened of which reads have failed. */
const mostOpens = 3

/**
 * Opens a database of the journal. A damaged one is moved aside, and reported.
 * @param checked the file need not be checked
 * @throws AfterwordError `AFTERWORD_JOURNAL_NEWER`
 */
export function openDatabase(path: string, sync: Sync, tell: Report, checked = false): DatabaseSync {
  reportDamagedWal(path, tell)
  for (let tries = mostOpens; ; tries--) {
    try {
      return openUnmoved(path, sync, checked)
    } catch (error) {
      if (!isDamage(error)) throw error
      const aside = moveIfDamaged(path)
      if (aside === undefined) {
        if (tries === 1) throw unread(`"${path}" can't be read, and is not damaged`, error)
        continue
      }
      tell('AFTERWORD_JOURNAL_DAMAGED', [path, aside], error)
      return openUnmoved(path, sync, true)
    }
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
  for (let tries = mostOpens; ; tries--) {
    try {
      return open(path, sync, checked)
    } catch (error) {
      if (!isUnread(error) || tries === 1) throw error
    }
  }
}

function open(path: string, sync: Sync, checked: boolean): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    if (!checked && isSmall(database)) checkIntegrity(database)
    // Free pages go back to the disk. The pragma has to come before the first table, and is a write also where it was set before.
    const { auto_vacuum: vacuum } = database.prepare('PRAGMA auto_vacuum').get() as { auto_vacuum: number }
    if (vacuum !== incremental) database.exec('PRAGMA auto_vacuum = INCREMENTAL')
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${4 * 2 ** 20}`)
    migrateChecked(database, path)
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

/** Closes a database; its free pages go back to the disk, as far as there is time. @param until by `performance.now()` */
export function shut(database: DatabaseSync, until: number): void {
  try {
    while (clock.now() < until && !giveSpaceBack(database));
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // Another process works with the database, or the disk is full: neither is a reason to keep it open.
  }
  database.close()
}
