// How a sealed text looks. Apart from what seals it: whoever only has to know one needs no cryptography.

/** No arguments that are stored as they are begin with it. */
const sealMark = 'sealed:'
/** In hexadecimal digits. */
const idLength = 8
/** Where the sealed bytes begin: behind the mark, the id of the key and a colon. */
const bytesAt = sealMark.length + idLength + 1
/** What stands for a unique key that only a holder of the encryption key can compare. */
export const hashMark = 'hashed:'

export interface SealedText {
  /** Of the key that opens it. */
  readonly id: string
  readonly bytes: Buffer
}

export function sealedText(id: string, bytes: Uint8Array): string {
  return `${sealMark}${id}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`
}

/** `undefined` for a text that is stored as it is. */
export function parseSealed(text: string): SealedText | undefined {
  const id = sealIdOf(text)
  return id === undefined ? undefined : { id, bytes: Buffer.from(text.slice(bytesAt), 'base64') }
}

/** Which key opens a text; `undefined` if it is stored as it is. */
export function sealIdOf(text: string): string | undefined {
  return text.startsWith(sealMark) ? text.slice(sealMark.length, sealMark.length + idLength) : undefined
}

const isSealedSql = (column: string) => `substr(${column}, 1, ${sealMark.length}) = '${sealMark}'`
const idSql = (column: string) => `substr(${column}, ${sealMark.length + 1}, ${idLength})`

/** In SQL: which key opens a column; null where it is stored as it is. */
export function sealIdSql(column: string): string {
  return `CASE WHEN ${isSealedSql(column)} THEN ${idSql(column)} END`
}

/** In SQL: a column is stored as it is, or sealed with one of these keys. */
export function isOpenSql(column: string, ids: readonly string[]): string {
  const list = ids.map((id) => `'${id}'`).join(', ')
  return `(NOT ${isSealedSql(column)} OR ${idSql(column)} IN (${list}))`
}
