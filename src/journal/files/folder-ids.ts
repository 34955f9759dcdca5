import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AfterwordError } from '../../errors.ts'
import type { RecordIdTexts } from '../../task/record.ts'
import { syncFolder } from './folder.ts'

/** The number of digits of a folder's own part, and of a record's. */
const digits = 15

/**
 * The ids of the records of a folder as UUIDs, which no other folder has: all processes on it make the same ones. Their first part is the
 * folder's own, in the file `engine.id`; the second one is the record id.
 */
export class FolderIds implements RecordIdTexts {
  readonly #file: string
  #own: string | undefined

  /** @param folder the absolute path: the folder is there when the first record is made */
  constructor(folder: string) {
    this.#file = join(folder, 'engine.id')
  }

  /** Reads the folder's own part, if there is one. @throws AfterwordError `AFTERWORD_ENGINE_ID` where the file is damaged or can't be read */
  check(): void {
    this.#own ??= readOwnPart(this.#file)
  }

  readonly idOf = (recordId: number): string => {
    const own = (this.#own ??= ownPart(this.#file))
    const record = recordId.toString(16).padStart(digits, '0')
    return `${own.slice(0, 8)}-${own.slice(8, 12)}-8${own.slice(12)}-8${record.slice(0, 3)}-${record.slice(3)}`
  }

  readonly recordIdOf = (id: string): number => {
    const record = Number.parseInt(`${id.slice(20, 23)}${id.slice(24)}`, 16)
    return Number.isSafeInteger(record) && id === this.idOf(record) ? record : Number.NaN
  }
}

/** Reads the record id of a UUID that a process on the folder has made; `NaN` for any other text. Makes no file. */
export function recordIdIn(folder: string, id: string): number {
  const ids = new FolderIds(folder)
  try {
    ids.check()
    return readOwnPart(join(folder, 'engine.id')) === undefined ? Number.NaN : ids.recordIdOf(id)
  } catch {
    return Number.NaN
  }
}

/** Reads the folder's own part, or makes it. A folder that can't be written to has a new one in each process: it takes no records. */
function ownPart(file: string): string {
  const made = randomBytes(8).toString('hex').slice(0, digits)
  return readOwnPart(file) ?? writeOwnPart(file, made) ?? made
}

/** @returns undefined where there is no file. A part that is made anew would let calls be added twice, so that no other failure counts as that */
function readOwnPart(file: string): string | undefined {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new AfterwordError('AFTERWORD_ENGINE_ID', [file, message], { cause })
  }
  if (/^[\da-f]{15}\n$/.test(text)) return text.slice(0, digits)
  throw new AfterwordError('AFTERWORD_ENGINE_ID', [file, `${text.length} bytes that are no id`])
}

/**
 * Another process may make the file at the same time: the first one stays. The file is whole and synced when it has its name, for calls that
 * the engine has would be added once more under another part. @returns what is there then
 */
function writeOwnPart(file: string, made: string): string | undefined {
  const draft = `${file}.${process.pid}`
  try {
    const handle = openSync(draft, 'w', 0o600)
    try {
      writeSync(handle, `${made}\n`)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    linkSync(draft, file)
    syncFolder(dirname(file))
  } catch {
    // The file of the other process is read.
  } finally {
    rmSync(draft, { force: true })
  }
  return readOwnPart(file)
}
