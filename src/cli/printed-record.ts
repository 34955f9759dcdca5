import { inspect } from 'node:util'
import { escapeControls, escapeDirections } from '../control-characters.ts'
import { recordIdOf } from '../journal/files/record-id.ts'
import { decode } from '../journal/format/encoding.ts'
import { hashMark, keyIdOf } from '../journal/format/encrypted-text.ts'
import { Encryption } from '../journal/format/encryption.ts'
import { readNotes } from '../journal/format/notes.ts'
import { readKey } from '../journal/format/unique-key.ts'
import type { ListedRecord } from '../journal/inspection/listed.ts'
import { validateEncrypt } from '../options/journal-options.ts'

/** The most characters of the arguments in a list. */
const longestArgs = 60

const variable = 'AFTERWORD_KEY'

/** The reader prints records, and decrypts them if the keys are given. */
export class Reader {
  readonly #encryption: Encryption | undefined

  /** @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
  constructor() {
    const [key, ...previous] = process.env[variable]?.split(',').map((key) => key.trim()) ?? []
    if (key === undefined || key === '') return
    // Each key is checked on its own: a message about a list would not name the text in it.
    for (const given of previous) validateEncrypt(variable, { key: given })
    const options = validateEncrypt(variable, { key, previous })
    this.#encryption = new Encryption(options)
  }

  /** Prints a record, with dates as ISO text. @param say prints stored values; by default as JSON can express them */
  print({ created, runAt, failedAt, args, options, error: failure, key, ...record }: ListedRecord, say = forMachines) {
    const { id, job } = record
    const bound = options === undefined ? '' : said(options, ([bound]) => (isEmpty(bound) ? '' : say(bound)))
    const error = failure ? this.#open(failure, 'error', job, id) : (failure ?? this.#lastError(options, job, id))
    return {
      ...record,
      created: date(created),
      ...(runAt !== undefined && { runAt: date(runAt) }),
      ...(failedAt !== undefined && { failedAt: date(failedAt) }),
      // A hashed key can't be read back.
      ...(key !== undefined && { key: key.startsWith(hashMark) ? '(sealed)' : readKey(key) }),
      ...(error !== undefined && { error }),
      ...(bound !== '' && { options: bound }),
      args: said(this.#open(args, 'args', job, id), say),
    }
  }

  /** @returns the beginning of the arguments, in one line */
  shortArgs({ args, job, id }: ListedRecord): string {
    const text = String(said(this.#open(args, 'args', job, id), asCall))
    return text.length > longestArgs ? `${text.slice(0, longestArgs - 1)}…` : text
  }

  /** @returns the first line of the error */
  firstLine({ error, options, job, id }: ListedRecord): string {
    const text = error ? this.#open(error, 'error', job, id) : this.#lastError(options, job, id)
    return (text ?? '').split('\n', 1)[0]?.slice(0, 80) ?? ''
  }

  /** The error of the last attempt of a record that is tried again; `undefined` where there is none. */
  #lastError(options: string | undefined, job: string, id: string): string | undefined {
    if (options === undefined) return undefined
    const notes = said(options, ([, notes]) => notes)
    if (typeof notes !== 'string' || notes === options) return undefined
    const text = this.#open(notes, 'error', job, id)
    try {
      return readNotes(text).error
    } catch {
      return text
    }
  }

  #open(text: string, what: 'args' | 'error', job: string, id: string): string {
    if (keyIdOf(text) === undefined) return text
    try {
      return this.#encryption?.decrypt(text, { what, job, recordId: recordIdOf(id) }) ?? '(sealed)'
    } catch {
      return '(sealed, and damaged or moved)'
    }
  }
}

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** Prints stored values, or a text that can't be decoded. */
function said(text: string, say: (values: unknown[]) => unknown): unknown {
  try {
    return say(decode(text))
  } catch {
    return escapeControls(text)
  }
}

function forMachines(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))
}

/** Prints arguments as a call would have them. Values that are deep or long are not printed in full. */
function asCall(args: readonly unknown[]): string {
  const options = { depth: 2, maxArrayLength: 10, maxStringLength: longestArgs, breakLength: Infinity, compact: true }
  return args.map((value) => inspect(value, options).replace(/\s+/g, ' ')).join(', ')
}

/** Prints a value as Node shows it, all of it. No code of the app runs: decoded values have neither getters nor properties named by symbols. */
export function forPeople(value: unknown): string {
  const colors = process.stdout.isTTY && process.stdout.hasColors()
  return escapeDirections(inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, colors }))
}

export const date = (ms: number) => new Date(ms).toISOString()
