import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { readInto } from './file-read.ts'
import { checkIntegrity } from './integrity.ts'
import { writeAll } from './log-space.ts'
import { migrateChecked } from './schema.ts'
import { isDamage } from './sqlite-errors.ts'
import { walOf } from './wal.ts'

/** The bytes that are read in one go. */
const readAtOnce = 64 * 1024

/**
 * The check of a database that an error says to be damaged. SQLite says so as well where the system could not read a page
 * (https://sqlite.org/rescode.html#ioerr_corruptfs). So each byte is read anew, without an error, and SQLite checks a copy.
 */
export class DamageCheck {
  readonly #path: string
  /** Closing any handle of a file drops the locks that the process has on it: this one is closed after the database. */
  #file: number | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The database is damaged beyond its indexes. Throws the errors of the file system: a file that can't be read may be whole. */
  get isDamaged(): boolean {
    this.#file ??= openSync(this.#path, 'r')
    const folder = this.#copy(this.#file)
    try {
      return !isWhole(join(folder, 'copy.db'))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /** Copies the files into a new folder, on another disk if there is one. @returns the folder */
  #copy(file: number): string {
    let cause: unknown
    for (const parent of [tmpdir(), dirname(this.#path)]) {
      let folder: string | undefined
      try {
        folder = mkdtempSync(join(parent, 'afterword-check-'))
        const target = join(folder, 'copy.db')
        copy(file, target)
        const wal = walOf(this.#path)
        if (existsSync(wal)) copyFile(wal, walOf(target))
        return folder
      } catch (error) {
        if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
        cause ??= error
      }
    }
    throw cause
  }
}

/**
 * Moves a database aside that is damaged, with the files beside it. No process may have it open, this one included. Throws the errors of
 * the file system. @returns its path then; `undefined` where the database is not damaged
 */
export function moveIfDamaged(path: string): string | undefined {
  const check = new DamageCheck(path)
  try {
    return check.isDamaged ? moveAside(path) : undefined
  } finally {
    check.close()
  }
}

/** Moves a database aside that is damaged for certain. @returns its path then */
export function moveAside(path: string): string {
  const suffix = `damaged-${new Date(clock.date()).toISOString().replaceAll(':', '-')}`
  for (const part of ['', '-wal', '-shm']) {
    if (existsSync(path + part)) renameSync(path + part, `${path}.${suffix}${part}`)
  }
  return `${path}.${suffix}`
}

function isWhole(path: string): boolean {
  const database = new DatabaseSync(path)
  try {
    checkIntegrity(database)
    migrateChecked(database, path)
    return true
  } catch (error) {
    if (isDamage(error)) return false
    throw error
  } finally {
    database.close()
  }
}

function copyFile(path: string, target: string): void {
  const file = openSync(path, 'r')
  try {
    copy(file, target)
  } finally {
    closeSync(file)
  }
}

/** Copies a file, each byte of which must be read without an error. Throws the errors of the file system. */
function copy(file: number, target: string): void {
  const to = openSync(target, 'wx', 0o600)
  try {
    const buffer = Buffer.allocUnsafe(readAtOnce)
    const { size } = fstatSync(file)
    for (let at = 0, read = 1; at < size && read > 0; at += read) {
      read = readInto(file, buffer, at)
      writeAll(to, buffer, read, at)
    }
  } finally {
    closeSync(to)
  }
}
