import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomFillSync,
} from 'node:crypto'
import type { EncryptSettings } from '../../options/journal-options.ts'
import { encryptedText, hashMark, parseEncrypted } from './encrypted-text.ts'

/** What a sealed text belongs to: it can be opened for nothing else. */
export interface Binding {
  readonly what: 'args' | 'error'
  readonly job: string
  /** Of the record. */
  readonly key: number
}

const algorithm = 'aes-256-gcm'
/** In bytes: those that GCM is made for, https://doi.org/10.6028/NIST.SP.800-38D. */
const ivLength = 12
const tagLength = 16

/** Of one given key: what it is called, and a key for each use of it. */
interface Keys {
  readonly id: string
  readonly encrypting: KeyObject
  readonly hashing: KeyObject
}

/** Seals with one key; opens what that or a previous one has sealed. */
export class Encryption {
  readonly #first: Keys
  readonly #keys: ReadonlyMap<string, Keys>
  readonly #ivs = new Ivs()

  constructor({ key, previous }: EncryptSettings) {
    const keys = [key, ...previous].map(derive)
    this.#first = keys[0] as Keys
    this.#keys = new Map(keys.map((keys) => [keys.id, keys]))
  }

  /** Of all keys that it has. */
  get ids(): string[] {
    return [...this.#keys.keys()]
  }

  encrypt(text: string, binding: Binding): string {
    const { id, encrypting: sealing } = this.#first
    const iv = this.#ivs.next()
    const cipher = createCipheriv(algorithm, sealing, iv).setAAD(bytesOf(binding))
    const sealed = cipher.update(text, 'utf8')
    cipher.final()
    return encryptedText(id, Buffer.concat([iv, sealed, cipher.getAuthTag()]))
  }

  /**
   * What was sealed, and any other text as it is; `undefined` where the key is not there.
   * @throws Error where it was changed, or belongs to another record
   */
  decrypt(text: string, binding: Binding): string | undefined {
    const sealed = parseEncrypted(text)
    if (sealed === undefined) return text
    const { id, bytes } = sealed
    const keys = this.#keys.get(id)
    if (keys === undefined) return undefined
    try {
      const iv = bytes.subarray(0, ivLength)
      const decipher = createDecipheriv(algorithm, keys.encrypting, iv, { authTagLength: tagLength })
      decipher.setAAD(bytesOf(binding)).setAuthTag(bytes.subarray(-tagLength))
      return decipher.update(bytes.subarray(ivLength, -tagLength), undefined, 'utf8') + decipher.final('utf8')
    } catch (cause) {
      throw new Error('they are sealed, and were changed or moved from another record', { cause })
    }
  }

  /** What stands for a unique key of a job: that by the first key, and those that a process with another one may have stored. */
  hash(job: string, unique: string): { readonly stored: string; readonly others: readonly string[] } {
    const hash = ({ id, hashing }: Keys) =>
      `${hashMark}${id}:${createHmac('sha256', hashing).update(`${job}\n${unique}`).digest('base64')}`
    const others = Array.from(this.#keys.values()).filter(({ id }) => id !== this.#first.id)
    // Also as it is: from before there was a key.
    return { stored: hash(this.#first), others: [...others.map(hash), unique] }
  }
}

/** One key for each use: none tells anything of another. */
function derive(key: Uint8Array | string): Keys {
  const bytes = typeof key === 'string' ? Buffer.from(key, key.length === 64 ? 'hex' : 'base64') : key
  const part = (use: string, length: number) => Buffer.from(hkdfSync('sha256', bytes, '', `afterword ${use}`, length))
  return {
    id: part('id', 4).toString('hex'),
    encrypting: createSecretKey(part('seal', 32)),
    hashing: createSecretKey(part('hash', 32)),
  }
}

function bytesOf({ what, job, key }: Binding): Buffer {
  return Buffer.from(`${what}\n${key}\n${job}`)
}

/** Random numbers used once each. Made for many at once: a call for each costs as much as the sealing. */
class Ivs {
  readonly #pool = Buffer.alloc(256 * ivLength)
  #at = this.#pool.length

  next(): Buffer {
    if (this.#at === this.#pool.length) {
      randomFillSync(this.#pool)
      this.#at = 0
    }
    return this.#pool.subarray(this.#at, (this.#at += ivLength))
  }
}
