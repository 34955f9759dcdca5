import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Measures the files in a folder, in MiB. Files may come and go meanwhile. */
export function folderSize(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  return files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0) / 2 ** 20
}
