import { inspect } from 'node:util'
import { recordIdOf } from '../journal/files/record-id.ts'
import { decode } from '../journal/format/encoding.ts'
import { hashMark, keyIdOf } from '../journal/format/encrypted-text.ts'
import type { Encryption } from '../journal/format/encryption.ts'
import type { ListedRecord } from '../journal/inspection/listed.ts'
import { beside, load } from '../lazy-require.ts'
import { validateEncrypt } from '../options/journal-options.ts'

const variable = 'AFTERWORD_KEY'

/** Opens what is sealed, if the keys are given. */
export class Reader {
  readonly #encryption: Encryption | undefined

  /** @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
  constructor() {
    const [key, ...previous] = process.env[variable]?.split(',').map((key) => key.trim()) ?? []
    if (key === undefined || key === '') return
    // Each on its own: what is said of a list does not tell that it is a text in it.
    for (const given of previous) validateEncrypt(variable, { key: given })
    const options = validateEncrypt(variable, { key, previous })
    const { Encryption } = load<typeof import('../journal/format/encryption.ts')>(
      beside('../journal/format/encryption', import.meta.url),
      import.meta.url,
    )
    this.#encryption = new Encryption(options)
  }

  /** A record with dates as ISO text. @param say what is said of stored values, as JSON can say them if not given */
  print({ created, runAt, failedAt, args, options, error, key, ...record }: ListedRecord, say = forMachines) {
    const { id, job } = record
    return {
      ...record,
      created: date(created),
      ...(runAt !== undefined && { runAt: date(runAt) }),
      ...(failedAt !== undefined && { failedAt: date(failedAt) }),
      // Of a key that is hidden nobody can tell what it was.
      ...(key !== undefined && { key: key.startsWith(hashMark) ? '(sealed)' : key }),
      ...(error !== undefined && { error: error && this.#open(error, 'error', job, id) }),
      ...(options !== undefined && { options: said(options, ([bound]) => say(bound)) }),
      args: said(this.#open(args, 'args', job, id), say),
    }
  }

  /** @returns what is known of the error, in one line */
  firstLine({ error, job, id }: ListedRecord): string {
    const text = error ? this.#open(error, 'error', job, id) : ''
    return text.split('\n', 1)[0]?.slice(0, 80) ?? ''
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

/** What is said of stored values; a text that is none as it is. */
function said(text: string, say: (values: unknown[]) => unknown): unknown {
  try {
    return say(decode(text))
  } catch {
    return text
  }
}

function forMachines(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))
}

/** As Node shows a value, all of it. Nothing of the app is run: what is decoded has neither getters nor properties named by symbols. */
export function forPeople(value: unknown): string {
  const colors = process.stdout.isTTY && process.stdout.hasColors()
  return inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, colors })
}

export const date = (ms: number) => new Date(ms).toISOString()
