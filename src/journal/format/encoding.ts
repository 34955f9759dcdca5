import { plainJson } from './plain-json.ts'
import { readTable, type TableEntry } from './table-reader.ts'
import { TooLarge } from './unstorable.ts'
import { ValueTable } from './value-table.ts'

/** The mark in front of a table tells it from JSON. */
const tableMark = '~'

/**
 * Encodes arguments: as JSON where JSON can express them, else as a table of JSON values (`value-table.ts`). What is decoded is what was
 * encoded: the same classes, properties, shared references and cycles. All else is refused.
 * @param most the most bytes that the text may have: values that can't fit are refused before they are looked at
 * @throws Unstorable, TooLarge
 */
export function encode(args: readonly unknown[], most = Infinity): string {
  const json = plainJson(args, most)
  if (json !== undefined && fits(json, most)) return json
  try {
    // What JSON would repeat is in the table once.
    const table = tableMark + new ValueTable(most).encode(args)
    if (fits(table, most)) return table
    throw new TooLarge(String(Buffer.byteLength(table)))
  } catch (error) {
    throw error instanceof TooLarge && json !== undefined ? new TooLarge(String(Buffer.byteLength(json))) : error
  }
}

const fits = (text: string, most: number) => 3 * text.length <= most || Buffer.byteLength(text) <= most

/** Decodes arguments. Builds data only: runs no code of the app, and touches no prototype. Throws an error where the text is none of `encode`. */
export function decode(text: string): unknown[] {
  const value = text.startsWith(tableMark)
    ? readTable(JSON.parse(text.slice(tableMark.length)) as TableEntry[])
    : JSON.parse(text)
  if (!Array.isArray(value)) throw new SyntaxError('Stored arguments are not a list')
  return value
}
