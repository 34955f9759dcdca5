import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Makes a folder, for this user only, and syncs each new name: records are lost with the name of their folder. */
export function makeFolder(folder: string): void {
  const path = resolve(folder)
  if (existsSync(path)) return
  const parent = dirname(path)
  const first = mkdirSync(parent, { recursive: true })
  // Another process may make it at the same time.
  mkdirSync(path, { recursive: true, mode: 0o700 })
  syncFolder(parent)
  if (first === undefined) return
  for (let made = parent; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made))
}

/**
 * Makes an empty file for this user only, unless there is one. SQLite would let everybody read its databases. The files that SQLite makes
 * beside one have the same mode.
 */
export function makeFile(path: string): void {
  if (existsSync(path)) return
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** Syncs the names in a folder. */
export function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, constants.O_RDONLY)
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {
    // A folder can't be opened everywhere, on Windows for example. SQLite does without as well.
  }
}
