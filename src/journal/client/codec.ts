import { AfterwordError } from '../../errors.ts'
import type { EncryptSettings } from '../../options/journal-options.ts'
import type { BoundOptions } from '../../options/task-options.ts'
import { checkBound } from '../../options/task-options.ts'
import type { Claim, RecordIdTexts } from '../../task/record.ts'
import { idOf, recordIdOf } from '../files/record-id.ts'
import { encodeArgs } from '../format/call-args.ts'
import { decode, encode } from '../format/encoding.ts'
import { Encryption } from '../format/encryption.ts'
import { type Notes, readNotes } from '../format/notes.ts'
import { storableKey } from '../format/unique-key.ts'
import type { ClaimedRow } from '../protocol.ts'

type Stored = Pick<ClaimedRow, 'args' | 'options' | 'job' | 'recordId'>

export interface CodecOptions {
  /** The most bytes that the stored arguments of a call may have. */
  readonly maxPayload: number
  /** The keys that encrypt arguments and errors; `undefined` stores them as they are. */
  readonly encrypt?: EncryptSettings | undefined
  /** The ids as an engine needs them, to which the records go on. @default those of the folder */
  readonly ids?: RecordIdTexts | undefined
}

/** The codec turns calls into stored values and back, encrypted if there is a key. */
export class Codec {
  readonly #maxPayload: number
  readonly #encryption: Encryption | undefined
  readonly ids: RecordIdTexts
  /** The records go on to an engine. */
  readonly isForwarding: boolean

  constructor({ maxPayload, encrypt, ids }: CodecOptions) {
    this.ids = ids ?? { idOf, recordIdOf }
    this.isForwarding = ids !== undefined
    this.#maxPayload = maxPayload
    this.#encryption = encrypt && new Encryption(encrypt)
  }

  /** The ids of the keys by which this process decrypts. */
  get keyIds(): readonly string[] {
    return this.#encryption?.ids ?? []
  }

  /** @throws AfterwordError `AFTERWORD_NOT_STORABLE`, `AFTERWORD_PAYLOAD_TOO_LARGE` */
  encode(args: readonly unknown[], job: string, recordId: number): string {
    const text = encodeArgs(job, args, this.#maxPayload)
    return this.#encryption?.encrypt(text, { what: 'args', job, recordId }) ?? text
  }

  /** @throws AfterwordError `AFTERWORD_UNREADABLE` */
  decode({
    args,
    options,
    job,
    recordId,
  }: Stored): Pick<Claim, 'args' | 'encodedArgs' | 'options'> & { readonly notes: Notes } {
    try {
      const text =
        this.#encryption === undefined ? args : this.#encryption.decrypt(args, { what: 'args', job, recordId })
      if (text === undefined) throw new Error('they are encrypted with an unknown key')
      return { args: decode(text), encodedArgs: text, ...this.#decodeOptions(options, job, recordId) }
    } catch (cause) {
      throw new AfterwordError('AFTERWORD_UNREADABLE', [job, this.ids.idOf(recordId), (cause as Error).message], {
        cause,
      })
    }
  }

  /** Makes the stored form of the error of a record that has failed. */
  encodeError(error: string, job: string, recordId: number): string {
    return this.#encryption?.encrypt(error, { what: 'error', job, recordId }) ?? error
  }

  /** Makes the stored form of the options that are bound to a call, and of the notes on its record; null where there are none. */
  encodeOptions(options: BoundOptions | undefined, notes: Notes | undefined, job: string, recordId: number) {
    if (notes === undefined) return options === undefined ? null : encode([options])
    const text = encode([notes])
    return encode([options ?? {}, this.#encryption?.encrypt(text, { what: 'error', job, recordId }) ?? text])
  }

  #decodeOptions(text: string | null, job: string, recordId: number) {
    if (text === null) return { options: undefined, notes: {} }
    const [options, notes] = decode(text)
    if (notes === undefined) return { options: checkBound(options), notes: {} }
    const opened = this.#encryption?.decrypt(String(notes), { what: 'error', job, recordId }) ?? String(notes)
    return { options: checkBound(options), notes: readNotes(opened) }
  }

  /** Makes the stored form of a unique key, and in JSON the other forms in which a process with other keys may have stored it. */
  storedKey(job: string, uniqueKey: string | undefined): [stored: string | null, others: string | null] {
    if (uniqueKey === undefined) return [null, null]
    const key = storableKey(uniqueKey)
    if (this.#encryption === undefined) return [key, null]
    const { stored, others } = this.#encryption.hash(job, key)
    return [stored, JSON.stringify(others)]
  }
}
