import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { makeFile, syncFolder } from '../files/folder.ts'
import { logOf } from '../files/log-format.ts'
import { isDamaged, readLog } from '../files/log-reader.ts'
import { slotsIn } from '../files/process-lock.ts'
import { JournalFiles } from './journal-files.ts'

/** The result of a backup. */
export interface BackedUp {
  readonly databases: number
  readonly logs: number
  /** A sentence for each database that could not be read, and is not in the copy. */
  readonly unreadable: readonly string[]
}

/** The number of tries to copy a log that is written to meanwhile. */
const mostTries = 10

/**
 * Copies a journal, whose processes may be alive: each database as it is at one moment, and the logs before them. A record that moves from
 * a log to a database meanwhile is in both. Throws an `Error` where there is no journal that can be read, or the target exists.
 * @param path the folder of a journal, or the file of an app's own database
 */
export function backUp(path: string, target: string): BackedUp {
  new JournalFiles(path)[Symbol.dispose]()
  if (existsSync(target)) throw new Error(`"${target}" exists already.`)
  const isFolder = statSync(path).isDirectory()
  if (isFolder) mkdirSync(target, { mode: 0o700 })
  const logs = isFolder ? copySlots(path, target) : 0
  // The ids under which an engine knows the records.
  const ids = join(path, 'engine.id')
  if (isFolder && existsSync(ids)) copyFileSync(ids, join(target, 'engine.id'))
  // A process may just have made the shared database.
  using files = new JournalFiles(path)
  const copied = files.each((database, name) => {
    const file = isFolder ? join(target, `${name}.db`) : target
    makeFile(file)
    database.prepare('VACUUM INTO ?').run(file)
    sync(file)
    return [file]
  })
  const databases = [...copied].length
  syncFolder(isFolder ? target : resolve(target, '..'))
  return { databases, logs, unreadable: files.unreadable }
}

/** Copies the logs, and makes the lock of each slot. The locks that are in use must not be opened. @returns the number of logs */
function copySlots(folder: string, target: string): number {
  return slotsIn(folder).filter((slot) => {
    makeFile(join(target, `${slot}.lock`))
    return copyLog(logOf(folder, slot), logOf(target, slot))
  }).length
}

/** Copies a log. A copy that was cut into by a write, and seems to be damaged, is made again. @returns false where there is no log any more */
function copyLog(log: string, target: string): boolean {
  for (let tries = 1; ; tries++) {
    try {
      writeFileSync(target, readFileSync(log), { mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      // A process that has recovered the records, or has ended in order, deletes it.
      rmSync(target, { force: true })
      return false
    }
    const contents = readLog(target)
    if (tries < mostTries && contents !== undefined && isDamaged(contents)) continue
    sync(target)
    return true
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
