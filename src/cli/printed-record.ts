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
    const options = resolveEncrypt(variable, { key, previous })
    const { Seal } = load<typeof import('../journal/seal.ts')>(
      beside('../journal/seal', import.meta.url),
      import.meta.url,
    )
    this.#seal = new Seal(options)
  }

  /** A record for machines: dates as ISO text, and the arguments as JSON can say them. */
  print({ created, runAt, failedAt, args, options, error, key, ...record }: ListedRecord) {
    const { id, job } = record
    return {
      ...record,
      created: date(created),
      ...(runAt !== undefined && { runAt: date(runAt) }),
      ...(failedAt !== undefined && { failedAt: date(failedAt) }),
      // Of a key that is hidden nobody can tell what it was.
      ...(key !== undefined && { key: key.startsWith(hashMark) ? '(sealed)' : key }),
      ...(error !== undefined && { error: error && this.#open(error, 'error', job, id) }),
      ...(options !== undefined && { options: [plain(options)].flat()[0] }),
      args: plain(this.#open(args, 'args', job, id)),
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

/** Stored values, as JSON can say them; a text that is none as it is. */
function plain(text: string): unknown {
  try {
    return JSON.parse(JSON.stringify(decode(text), (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))
  } catch {
    return text
  }
}

export const date = (ms: number) => new Date(ms).toISOString()
