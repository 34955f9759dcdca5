import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AfterwordError } from '../errors.ts'
import { report } from '../events.ts'

/** What the database of a slot looks like; a later version changes it forward only. */
const version = 1
const schema = `
  CREATE TABLE slot (epoch INTEGER NOT NULL) STRICT;
  INSERT INTO slot VALUES (0);
  -- loose: in no process's memory; a process that lives knows its other records by itself.
  CREATE TABLE records (
    key INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    args TEXT NOT NULL,
    created INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    loose INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX loose_records ON records (crashes, run_at) WHERE loose = 1;
  CREATE TABLE failed (
    key INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    args TEXT NOT NULL,
    created INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    reason TEXT NOT NULL,
    error TEXT,
    failed_at INTEGER NOT NULL
  ) STRICT;
`

export type Sync = 'normal' | 'full'

/** Result codes of SQLite, https://sqlite.org/rescode.html: a file that is damaged, or that is no database. */
const damaged = new Set([11, 26])

function errcodeOf(error: unknown): number | undefined {
  return (error as { errcode?: number }).errcode
}

/**
 * The lock of a slot: an empty database, held in an exclusive transaction. The kernel drops it when the process dies, however it
 * dies, and only then: a process that is stopped or slow is never taken for dead. POSIX locks belong to a process, and are dropped
 * when any handle of the file is closed in it: nobody else may open this file, and the handle must stay referenced.
 */
export class SlotLock {
  readonly slot: number
  readonly #database: DatabaseSync

  private constructor(slot: number, database: DatabaseSync) {
    this.slot = slot
    this.#database = database
  }

  /** `undefined` if a living process holds it. */
  static take(folder: string, slot: number): SlotLock | undefined {
    const database = new DatabaseSync(join(folder, `${slot}.lock`))
    try {
      database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
      return new SlotLock(slot, database)
    } catch {
      database.close()
      return undefined
    }
  }

  release(): void {
    this.#database.close()
  }
}

/** The slots that are there. */
export function slotsIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(/^(\d+)\.db$/.exec(name)?.[1]))
    .filter((slot) => !Number.isNaN(slot))
    .sort((a, b) => a - b)
}

/** A slot that this process owns: the first one that no living process has. */
export interface OwnSlot {
  readonly lock: SlotLock
  /** Raised each time that the slot is opened, so that no id is ever given twice. */
  readonly epoch: number
}

/** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
export function openSlot(folder: string): OwnSlot {
  try {
    mkdirSync(folder, { recursive: true })
    for (let slot = 1; ; slot++) {
      const lock = SlotLock.take(folder, slot)
      if (lock === undefined) continue
      const database = openDatabase(folder, slot, 'full')
      try {
        return { lock, epoch: beginEpoch(database) }
      } finally {
        database.close()
      }
    }
  } catch (cause) {
    if (cause instanceof AfterwordError) throw cause
    throw new AfterwordError('AFTERWORD_JOURNAL_FOLDER', [folder], { cause })
  }
}

/** Whatever an earlier process has left is in nobody's memory. In one transaction that is synced in both modes. */
function beginEpoch(database: DatabaseSync): number {
  database.exec('BEGIN IMMEDIATE')
  const row = database.prepare('UPDATE slot SET epoch = epoch + 1 RETURNING epoch').get() as { epoch: number }
  database.exec('UPDATE records SET loose = 1 WHERE loose = 0; COMMIT')
  return row.epoch
}

/** The database of a slot whose lock is held. A damaged one is moved aside, and told of. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` */
export function openDatabase(folder: string, slot: number, sync: Sync): DatabaseSync {
  const path = join(folder, `${slot}.db`)
  try {
    return prepared(path, sync)
  } catch (error) {
    if (!damaged.has(errcodeOf(error) ?? 0)) throw error
    const aside = moveAside(path)
    report(new AfterwordError('AFTERWORD_JOURNAL_DAMAGED', [path, aside], { cause: error }))
    return prepared(path, sync)
  }
}

function prepared(path: string, sync: Sync): DatabaseSync {
  const database = new DatabaseSync(path)
  try {
    // Room that is free goes back to the disk; this has to be said before there is a table.
    database.exec('PRAGMA busy_timeout = 1000; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${4 * 2 ** 20}`)
    const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number }
    if (found > version) throw new AfterwordError('AFTERWORD_JOURNAL_NEWER', [path, found, version])
    if (found === 0) database.exec(`BEGIN IMMEDIATE; ${schema} PRAGMA user_version = ${version}; COMMIT`)
    setSync(database, sync)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** By `exec`: a prepared pragma acts when it is prepared, not when it is run. */
export function setSync(database: DatabaseSync, sync: Sync): void {
  database.exec(`PRAGMA synchronous = ${sync === 'full' ? 'FULL' : 'NORMAL'}`)
}

function moveAside(path: string): string {
  const suffix = `damaged-${new Date().toISOString().replaceAll(':', '-')}`
  for (const part of ['', '-wal', '-shm']) {
    if (existsSync(path + part)) renameSync(path + part, `${path}.${suffix}${part}`)
  }
  return `${path}.${suffix}`
}
