// The form of an encrypted text. It stands apart from the encryption: code that only recognises such texts needs no cryptography.

/** The mark with which encrypted texts begin, and no others. */
const encryptedMark = 'sealed:'
/** The length of a key's id, in hexadecimal digits. */
const idLength = 8
/** The index of the encrypted bytes: behind the mark, the id of the key and a colon. */
const bytesAt = encryptedMark.length + idLength + 1
/** The mark of a hashed unique key, which only a holder of the encryption key can compare. */
export const hashMark = 'hashed:'

export interface EncryptedText {
  /** The id of the key that decrypts the text. */
  readonly id: string
  readonly bytes: Buffer
}

export function encryptedText(id: string, bytes: Uint8Array): string {
  return `${encryptedMark}${id}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`
}

/** Parses an encrypted text; `undefined` for a text that is stored as it is. */
export function parseEncrypted(text: string): EncryptedText | undefined {
  const id = keyIdOf(text)
  return id === undefined ? undefined : { id, bytes: Buffer.from(text.slice(bytesAt), 'base64') }
}

/** The id of the key that decrypts a text; `undefined` if the text is stored as it is. */
export function keyIdOf(text: string): string | undefined {
  return text.startsWith(encryptedMark) ? text.slice(encryptedMark.length, encryptedMark.length + idLength) : undefined
}

/** In SQL: a column is encrypted. */
export const isEncryptedSql = (column: string) => `substr(${column}, 1, ${encryptedMark.length}) = '${encryptedMark}'`
const idSql = (column: string) => `substr(${column}, ${encryptedMark.length + 1}, ${idLength})`

/** In SQL: the id of the key that decrypts a column; null where the column is stored as it is. */
export function keyIdSql(column: string): string {
  return `CASE WHEN ${isEncryptedSql(column)} THEN ${idSql(column)} END`
}
