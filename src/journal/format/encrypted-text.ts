// How a sealed text looks. Apart from what seals it: whoever only has to know one needs no cryptography.

/** No arguments that are stored as they are begin with it. */
const encryptedMark = 'sealed:'
/** In hexadecimal digits. */
const idLength = 8
/** Where the sealed bytes begin: behind the mark, the id of the key and a colon. */
const bytesAt = encryptedMark.length + idLength + 1
/** What stands for a unique key that only a holder of the encryption key can compare. */
export const hashMark = 'hashed:'

export interface EncryptedText {
  /** Of the key that opens it. */
  readonly id: string
  readonly bytes: Buffer
}

export function encryptedText(id: string, bytes: Uint8Array): string {
  return `${encryptedMark}${id}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`
}

/** `undefined` for a text that is stored as it is. */
export function parseEncrypted(text: string): EncryptedText | undefined {
  const id = keyIdOf(text)
  return id === undefined ? undefined : { id, bytes: Buffer.from(text.slice(bytesAt), 'base64') }
}

/** Which key opens a text; `undefined` if it is stored as it is. */
export function keyIdOf(text: string): string | undefined {
  return text.startsWith(encryptedMark) ? text.slice(encryptedMark.length, encryptedMark.length + idLength) : undefined
}

const isEncryptedSql = (column: string) => `substr(${column}, 1, ${encryptedMark.length}) = '${encryptedMark}'`
const idSql = (column: string) => `substr(${column}, ${encryptedMark.length + 1}, ${idLength})`

/** In SQL: which key opens a column; null where it is stored as it is. */
export function keyIdSql(column: string): string {
  return `CASE WHEN ${isEncryptedSql(column)} THEN ${idSql(column)} END`
}

/** In SQL: a column is stored as it is, or sealed with one of these keys. */
export function isReadableSql(column: string, ids: readonly string[]): string {
  const list = ids.map((id) => `'${id}'`).join(', ')
  return `(NOT ${isEncryptedSql(column)} OR ${idSql(column)} IN (${list}))`
}
