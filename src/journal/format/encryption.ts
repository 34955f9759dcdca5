import type { KeyObject } from 'node:crypto'
import type { EncryptSettings } from '../../options/journal-options.ts'
import { encryptedText, hashMark, parseEncrypted } from './encrypted-text.ts'

/** The binding of an encrypted text: it can be decrypted for no other record. */
export interface Binding {
  readonly what: 'args' | 'error'
  readonly job: string
  readonly recordId: number
}

const algorithm = 'aes-256-gcm'
/** The lengths in bytes that GCM is made for: https://doi.org/10.6028/NIST.SP.800-38D */
const ivLength = 12
const tagLength = 16

/** The keys made of one given key: one for each use, and an id. */
interface Keys {
  readonly id: string
  readonly encrypting: KeyObject
  readonly hashing: KeyObject
}

/** Loads Node's cryptography, which only a journal with a key needs. */
const cryptography = () => process.getBuiltinModule('node:crypto')

/** The encryption encrypts with one key, and decrypts with that or a previous one. */
export class Encryption {
  readonly #first: Keys
  readonly #keys: ReadonlyMap<string, Keys>
  readonly #ivs = new Ivs()
  readonly #crypto = cryptography()

  constructor({ key, previous }: EncryptSettings) {
    const keys = [key, ...previous].map(derive)
    this.#first = keys[0] as Keys
    this.#keys = new Map(keys.map((keys) => [keys.id, keys]))
  }

  /** The ids of all keys. */
  get ids(): string[] {
    return [...this.#keys.keys()]
  }

  encrypt(text: string, binding: Binding): string {
    const { id, encrypting } = this.#first
    const iv = this.#ivs.next()
    const cipher = this.#crypto.createCipheriv(algorithm, encrypting, iv).setAAD(bytesOf(binding))
    const encrypted = cipher.update(text, 'utf8')
    cipher.final()
    return encryptedText(id, Buffer.concat([iv, encrypted, cipher.getAuthTag()]))
  }

  /**
   * Decrypts a text; a text that is not encrypted stays as it is.
   * @returns `undefined` where the key is not there @throws Error where the text was changed, or belongs to another record
   */
  decrypt(text: string, binding: Binding): string | undefined {
    const encrypted = parseEncrypted(text)
    if (encrypted === undefined) return text
    const { id, bytes } = encrypted
    const keys = this.#keys.get(id)
    if (keys === undefined) return undefined
    try {
      const iv = bytes.subarray(0, ivLength)
      const decipher = this.#crypto.createDecipheriv(algorithm, keys.encrypting, iv, { authTagLength: tagLength })
      decipher.setAAD(bytesOf(binding)).setAuthTag(bytes.subarray(-tagLength))
      return decipher.update(bytes.subarray(ivLength, -tagLength), undefined, 'utf8') + decipher.final('utf8')
    } catch (cause) {
      throw new Error('they are encrypted, and were changed or moved from another record', { cause })
    }
  }

  /** Hashes a unique key of a job: by the first key, and in the other forms in which a process with another one may have stored it. */
  hash(job: string, uniqueKey: string): { readonly stored: string; readonly others: readonly string[] } {
    const hash = ({ id, hashing }: Keys) =>
      `${hashMark}${id}:${this.#crypto.createHmac('sha256', hashing).update(`${job}\n${uniqueKey}`).digest('base64')}`
    const others = Array.from(this.#keys.values()).filter(({ id }) => id !== this.#first.id)
    // The key as it is was stored by a process without encryption.
    return { stored: hash(this.#first), others: [...others.map(hash), uniqueKey] }
  }
}

/** Derives a key for each use: none tells anything of another. */
function derive(key: Uint8Array | string): Keys {
  const bytes = typeof key === 'string' ? Buffer.from(key, key.length === 64 ? 'hex' : 'base64') : key
  const { createSecretKey, hkdfSync } = cryptography()
  const part = (use: string, length: number) => Buffer.from(hkdfSync('sha256', bytes, '', `afterword ${use}`, length))
  return {
    id: part('id', 4).toString('hex'),
    encrypting: createSecretKey(part('seal', 32)),
    hashing: createSecretKey(part('hash', 32)),
  }
}

function bytesOf({ what, job, recordId }: Binding): Buffer {
  return Buffer.from(`${what}\n${recordId}\n${job}`)
}

/** Initialization vectors, random and used once each. Many are made at once: a call for each costs as much as the encryption. */
class Ivs {
  readonly #pool = Buffer.alloc(256 * ivLength)
  #at = this.#pool.length

  next(): Buffer {
    if (this.#at === this.#pool.length) {
      cryptography().randomFillSync(this.#pool)
      this.#at = 0
    }
    return this.#pool.subarray(this.#at, (this.#at += ivLength))
  }
}
