// A cursor tells where a page of records ends, as a text that a page of the web can hand back.

/** Reads a cursor; `undefined` at the first page. Throws an `Error` for a text that is none. */
export function readCursor<T extends object>(
  text: string | undefined,
  isCursor: (value: Partial<T>) => boolean,
): T | undefined {
  if (text === undefined) return undefined
  try {
    const cursor: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (typeof cursor === 'object' && cursor !== null && isCursor(cursor as Partial<T>)) return cursor as T
  } catch {
    // No JSON: below.
  }
  throw new Error('The cursor is none of this store. Begin with the first page.')
}

export function writeCursor(cursor: object): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}
