import { inspect } from 'node:util'
import { decode } from '../journal/encoding.ts'
import type { ListedRecord } from '../journal/inspection.ts'
import { keyOf } from '../journal/key.ts'
import type { Seal } from '../journal/seal.ts'
import { hashMark, sealIdOf } from '../journal/sealed.ts'
import { resolveEncrypt } from '../journal-options.ts'
import { beside, load } from '../loading.ts'

const variable = 'AFTERWORD_KEY'

/** Opens what is sealed, if the keys are given. */
export class Reader {
  readonly #seal: Seal | undefined

  /** @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
  constructor() {
    const [key, ...previous] = process.env[variable]?.split(',').map((key) => key.trim()) ?? []
    if (key === undefined || key === '') return
    // Each on its own: what is said of a list does not tell that it is a text in it.
    for (const given of previous) resolveEncrypt(variable, { key: given })
    const options = resolveEncrypt(variable, { key, previous })
    const { Seal } = load<typeof import('../journal/seal.ts')>(
      beside('../journal/seal', import.meta.url),
      import.meta.url,
    )
    this.#seal = new Seal(options)
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
    if (sealIdOf(text) === undefined) return text
    try {
      return this.#seal?.open(text, { what, job, key: keyOf(id) }) ?? '(sealed)'
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
