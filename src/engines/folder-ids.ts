import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordIdTexts } from '../journal/files/record-id.ts'

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

/** Reads the folder's own part, or makes it. A folder that can't be written to has a new one in each process: it takes no records. */
function ownPart(file: string): string {
  const made = randomBytes(8).toString('hex').slice(0, digits)
  return readOwnPart(file) ?? writeOwnPart(file, made) ?? made
}

function readOwnPart(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1').slice(0, digits)
  } catch {
    return undefined
  }
}

/** Another process may make the file at the same time: the first one stays, and it is whole when it has its name. @returns what is there then */
function writeOwnPart(file: string, made: string): string | undefined {
  const draft = `${file}.${process.pid}`
  try {
    writeFileSync(draft, `${made}\n`, { mode: 0o600 })
    linkSync(draft, file)
  } catch {
    // The file of the other process is read.
  } finally {
    rmSync(draft, { force: true })
  }
  return readOwnPart(file)
}
