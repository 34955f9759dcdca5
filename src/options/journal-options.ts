import { AfterwordError } from '../errors.ts'
import type { AppDatabase } from './app-database.ts'
import { count, flag, isFunction, isObject, isText, optional, type Rules, time, validate } from './validate.ts'

/**
 * The options of a journal.
 *
 * @example
 * configure({ journal: { path: 'data/afterword', sync: 'full' } })
 */
export interface JournalOptions {
  /** The folder. Processes on one machine may share it. Either this or `database`. */
  readonly path?: string
  /**
   * An open database of the app: calls of jobs are stored in tables there, in the app's own transaction if one is open. Every write is
   * then on the thread of the requests.
   */
  readonly database?: AppDatabase
  /** `'full'` syncs each record to the disk before its response leaves. An app's database has its own `PRAGMA synchronous`. @default 'normal' */
  readonly sync?: 'normal' | 'full'
  /** The time in ms for which failed records stay listed. @default 604800000, seven days */
  readonly retention?: number
  /** The most failed records that stay listed, in each file of the folder: the oldest ones go first. @default 10000 */
  readonly maxFailed?: number
  /**
   * The most bytes on the disk before an engine: past it, calls that wait for the engine are refused with a 503. Counted is the database
   * that the processes on the folder share. @default 4294967296, 4 GiB
   */
  readonly maxDisk?: number
  /**
   * A folder that can't be opened, on a disk that is full or read-only, is an error of `configure`. With `false` it is reported, the app
   * starts, and calls of jobs are refused until the folder can be opened. @default true
   */
  readonly required?: boolean
  /** Encrypts stored arguments and errors, and hashes unique keys. Records that were stored without stay readable. @default none */
  readonly encrypt?: EncryptOptions
}

/**
 * The keys with which a journal encrypts what it stores.
 *
 * @example
 * configure({ journal: { path: 'data/afterword', encrypt: { key: process.env.JOURNAL_KEY } } })
 */
export interface EncryptOptions {
  /** 32 bytes, or the same as text: 64 hexadecimal digits, or base64. `undefined`, of a variable that is not set, is refused. */
  readonly key: Uint8Array | string | undefined
  /** Keys that only decrypt: the ones before `key`, or the next one while it is given to all processes. @default none */
  readonly previous?: readonly (Uint8Array | string)[]
}

/** The encryption options, checked. */
export interface EncryptSettings extends Required<EncryptOptions> {
  readonly key: Uint8Array | string
}

export interface JournalSettings extends Omit<Required<JournalOptions>, 'encrypt'> {
  readonly encrypt: EncryptSettings | undefined
}

const journalRules: Rules<JournalOptions> = {
  path: optional('the path of a folder', isText),
  database: optional('an open DatabaseSync of node:sqlite (Node 22.16), or a Database of better-sqlite3', isDatabase),
  sync: {
    default: 'normal',
    expected: "'normal' or 'full'",
    accepts: (value) => value === 'normal' || value === 'full',
  },
  retention: time(7 * 24 * 3_600_000),
  maxFailed: count(10_000, 0),
  maxDisk: count(4 * 2 ** 30, 1),
  required: flag(true),
  encrypt: { ...optional('{ key, previous }', isObject), secret: true },
}

const keyForm = '32 bytes: a Uint8Array, or a text of 64 hexadecimal digits or of base64 (43 characters, or 44 with =)'
const encryptRules: Rules<EncryptOptions> = {
  key: { ...optional(keyForm, isKey), required: true, secret: true },
  previous: {
    default: [],
    expected: `a list of keys, each ${keyForm}`,
    accepts: (value) => Array.isArray(value) && value.every(isKey),
    secret: true,
  },
}

function isKey(value: unknown): boolean {
  if (typeof value === 'string') return /^([0-9a-f]{64}|[\w+/-]{43}=?)$/i.test(value)
  return Object.prototype.toString.call(value) === '[object Uint8Array]' && (value as Uint8Array).length === 32
}

function isDatabase(value: unknown): boolean {
  if (!isObject(value)) return false
  const { exec, prepare } = value as Record<string, unknown>
  const tells = 'isTransaction' in (value as object) || 'inTransaction' in (value as object)
  return isFunction(exec) && isFunction(prepare) && tells
}

export function validateJournal(given: string | JournalOptions): JournalSettings {
  const place = 'configure, journal'
  // An unknown option comes first: it may be a known one that is misspelt, and seems to be missing.
  const { encrypt, ...settings } = validate(place, journalRules, typeof given === 'string' ? { path: given } : given)
  if (typeof given === 'object' && (given.path === undefined) === (given.database === undefined)) {
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, 'either path or database', 'given', 'both or neither'])
  }
  if (typeof given === 'object' && given.database !== undefined && given.sync !== undefined) {
    const expected = 'left to the database, which has a PRAGMA synchronous of its own'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, 'sync', expected, `"${given.sync}"`])
  }
  if (typeof given === 'object' && given.database !== undefined && given.required !== undefined) {
    const expected = 'given with a path only: an open database is there'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, 'required', expected, String(given.required)])
  }
  return { ...settings, encrypt: encrypt && validateEncrypt(`${place}, encrypt`, encrypt) }
}

export function validateEncrypt(place: string, given: EncryptOptions): EncryptSettings {
  return validate(place, encryptRules, given) as EncryptSettings
}
