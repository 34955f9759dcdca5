import { AfterwordError } from '../errors.ts'
import type { EncryptSettings } from '../journal-options.ts'
import { beside, load } from '../loading.ts'
import type { TakenRecord } from '../record.ts'
import type { BoundOptions } from '../task-options.ts'
import { decode, encode, Unstorable } from './encoding.ts'
import type { HandedOut } from './group.ts'
import { idOf } from './key.ts'
import type { Seal } from './seal.ts'

type Stored = Pick<HandedOut, 'args' | 'options' | 'job' | 'key'>

/** Turns what a record holds into what is stored, and back; sealed, if there is a key to do so. */
export class Contents {
  readonly #maxPayload: number
  readonly #seal: Seal | undefined

  constructor({
    maxPayload,
    encrypt,
  }: { readonly maxPayload: number; readonly encrypt?: EncryptSettings | undefined }) {
    this.#maxPayload = maxPayload
    if (encrypt === undefined) return
    const file = beside('./seal', import.meta.url)
    const { Seal } = load<typeof import('./seal.ts')>(file, import.meta.url)
    this.#seal = new Seal(encrypt)
  }

  /** Of the keys that open what is sealed. */
  get sealIds(): readonly string[] {
    return this.#seal?.ids ?? []
  }

  /** @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  encode(args: readonly unknown[], job: string, key: number): string {
    const text = encodeArgs(job, args)
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#maxPayload) {
      throw new AfterwordError('AFTERWORD_PAYLOAD_TOO_LARGE', [job, bytes, this.#maxPayload])
    }
    return this.#seal?.seal(text, { what: 'args', job, key }) ?? text
  }

  /** @throws AfterwordError `AFTERWORD_UNREADABLE` */
  decode({ args, options, job, key }: Stored): Pick<TakenRecord, 'args' | 'options'> {
    try {
      const open = this.#seal === undefined ? args : this.#seal.open(args, { what: 'args', job, key })
      if (open === undefined) throw new Error('they are sealed with an unknown key')
      return { args: decode(open), options: decodeOptions(options) }
    } catch (cause) {
      throw new AfterwordError('AFTERWORD_UNREADABLE', [job, idOf(key), (cause as Error).message], { cause })
    }
  }

  /** How the errors of a record are stored; `undefined` for as they are. */
  sealError(job: string, key: number): ((error: string) => string) | undefined {
    const seal = this.#seal
    return seal && ((error) => seal.seal(error, { what: 'error', job, key }))
  }

  /** How a unique key is stored, and in JSON how a process with other keys may have stored it. */
  single(job: string, unique: string | undefined): [stored: string | null, others: string | null] {
    if (unique === undefined || this.#seal === undefined) return [unique ?? null, null]
    const { stored, others } = this.#seal.hash(job, unique)
    return [stored, JSON.stringify(others)]
  }
}

export function encodeOptions(options: BoundOptions | undefined): string | null {
  return options === undefined ? null : encode([options])
}

function decodeOptions(text: string | null): BoundOptions | undefined {
  return text === null ? undefined : (decode(text)[0] as BoundOptions)
}

function encodeArgs(job: string, args: readonly unknown[]): string {
  try {
    return encode(args)
  } catch (error) {
    if (!(error instanceof Unstorable)) throw error
    throw new AfterwordError('AFTERWORD_NOT_STORABLE', [job, error.what, error.path])
  }
}
