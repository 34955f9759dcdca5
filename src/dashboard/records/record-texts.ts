import { inspect } from 'node:util'
import { escapeControls } from '../../control-characters.ts'
import { recordIdOf } from '../../journal/files/record-id.ts'
import { decode } from '../../journal/format/encoding.ts'
import { hashMark, keyIdOf } from '../../journal/format/encrypted-text.ts'
import { Encryption } from '../../journal/format/encryption.ts'
import { readNotes } from '../../journal/format/notes.ts'
import { readKey } from '../../journal/format/unique-key.ts'
import type { ShownRecord } from '../../journal/inspection/listed.ts'
import type { EncryptSettings } from '../../options/journal-options.ts'

/** The text in place of one that is encrypted. */
const sealed = '(sealed)'
/** The most characters of the arguments, and of the first line of an error. */
const longestArgs = 100_000
const longestLine = 300

type Bound = Pick<ShownRecord, 'id' | 'job'>

/** The texts of a record, for people. Arguments are hidden unless they are to be revealed; what is encrypted is decrypted only then. */
export class RecordTexts {
  readonly #encryption: Encryption | undefined

  constructor(encrypt: EncryptSettings | undefined) {
    this.#encryption = encrypt && new Encryption(encrypt)
  }

  /** Tells how many arguments there are, and nothing of them. */
  hiddenArgs({ args }: ShownRecord): string {
    if (keyIdOf(args) !== undefined) return sealed
    try {
      const { length } = decode(args)
      return length === 0 ? '(none)' : `(${length} argument${length === 1 ? '' : 's'}, hidden)`
    } catch {
      return '(hidden)'
    }
  }

  /** The arguments as a call would have them. No code of the app runs: decoded values have neither getters nor properties named by symbols. */
  args(record: ShownRecord): string {
    const text = this.#open(record.args, 'args', record)
    try {
      const options = { depth: 20, maxArrayLength: 1000, maxStringLength: 20_000, breakLength: 80 }
      const shown = decode(text).map((value) => inspect(value, options))
      return cut(shown.join(',\n'), longestArgs)
    } catch {
      return cut(escapeControls(text), longestArgs)
    }
  }

  /** The last error with its stack; `undefined` where there is none. @param isRevealed decrypt what is encrypted */
  error(record: ShownRecord, isRevealed = false): string | undefined {
    const text = record.error ?? this.#noted(record, isRevealed)
    return text && (isRevealed ? this.#open(text, 'error', record) : hide(text))
  }

  firstLine(record: ShownRecord): string | undefined {
    const line = this.error(record)?.split('\n', 1)[0]
    return line && cut(line, longestLine)
  }

  key({ key }: ShownRecord): string | undefined {
    if (key === undefined) return undefined
    return key.startsWith(hashMark) ? sealed : readKey(key)
  }

  options({ options }: ShownRecord): string | undefined {
    if (options === undefined) return undefined
    try {
      const [bound] = decode(options) as [unknown]
      const isEmpty = typeof bound === 'object' && bound !== null && Object.keys(bound).length === 0
      return isEmpty ? undefined : inspect(bound, { depth: 5, breakLength: 80 })
    } catch {
      return undefined
    }
  }

  /** The error of the last attempt, which is noted with the options. */
  #noted({ options, ...bound }: ShownRecord, isRevealed: boolean): string | undefined {
    if (options === undefined) return undefined
    try {
      const [, notes] = decode(options) as [unknown, unknown]
      if (typeof notes !== 'string') return undefined
      const text = isRevealed ? this.#open(notes, 'error', bound) : hide(notes)
      return text === sealed ? sealed : readNotes(text).error
    } catch {
      return undefined
    }
  }

  #open(text: string, what: 'args' | 'error', { job, id }: Bound): string {
    if (keyIdOf(text) === undefined) return text
    try {
      return this.#encryption?.decrypt(text, { what, job, recordId: recordIdOf(id) }) ?? sealed
    } catch {
      return '(sealed, and damaged or moved)'
    }
  }
}

const hide = (text: string) => (keyIdOf(text) === undefined ? text : sealed)
const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}…` : text)
