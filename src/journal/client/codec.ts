import { AfterwordError } from '../../errors.ts'
import { beside, load } from '../../lazy-require.ts'
import type { EncryptSettings } from '../../options/journal-options.ts'
import type { BoundOptions } from '../../options/task-options.ts'
import type { Claim } from '../../task/record.ts'
import { idOf } from '../files/record-id.ts'
import { decode, encode, Unstorable } from '../format/encoding.ts'
import type { Encryption } from '../format/encryption.ts'
import type { ClaimedRow } from '../protocol.ts'

type Stored = Pick<ClaimedRow, 'args' | 'options' | 'job' | 'recordId'>

/** Turns what a record holds into what is stored, and back; sealed, if there is a key to do so. */
export class Codec {
  readonly #maxPayload: number
  readonly #encryption: Encryption | undefined

  constructor({
    maxPayload,
    encrypt,
  }: { readonly maxPayload: number; readonly encrypt?: EncryptSettings | undefined }) {
    this.#maxPayload = maxPayload
    if (encrypt === undefined) return
    const file = beside('../format/encryption', import.meta.url)
    const { Encryption } = load<typeof import('../format/encryption.ts')>(file, import.meta.url)
    this.#encryption = new Encryption(encrypt)
  }

  /** Of the keys that open what is sealed. */
  get keyIds(): readonly string[] {
    return this.#encryption?.ids ?? []
  }

  /** @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  encode(args: readonly unknown[], job: string, key: number): string {
    const text = encodeArgs(job, args)
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#maxPayload) {
      throw new AfterwordError('AFTERWORD_PAYLOAD_TOO_LARGE', [job, bytes, this.#maxPayload])
    }
    return this.#encryption?.encrypt(text, { what: 'args', job, key }) ?? text
  }

  /** @throws AfterwordError `AFTERWORD_UNREADABLE` */
  decode({ args, options, job, recordId: key }: Stored): Pick<Claim, 'args' | 'options'> {
    try {
      const open = this.#encryption === undefined ? args : this.#encryption.decrypt(args, { what: 'args', job, key })
      if (open === undefined) throw new Error('they are sealed with an unknown key')
      return { args: decode(open), options: decodeOptions(options) }
    } catch (cause) {
      throw new AfterwordError('AFTERWORD_UNREADABLE', [job, idOf(key), (cause as Error).message], { cause })
    }
  }

  /** How the errors of a record are stored; `undefined` for as they are. */
  errorEncrypter(job: string, key: number): ((error: string) => string) | undefined {
    const seal = this.#encryption
    return seal && ((error) => seal.encrypt(error, { what: 'error', job, key }))
  }

  /** How a unique key is stored, and in JSON how a process with other keys may have stored it. */
  storedKey(job: string, unique: string | undefined): [stored: string | null, others: string | null] {
    if (unique === undefined || this.#encryption === undefined) return [unique ?? null, null]
    const { stored, others } = this.#encryption.hash(job, unique)
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
