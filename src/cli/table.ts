import { styleText } from 'node:util'
import { escapeInJson, inOneLine } from '../control-characters.ts'

/** The pages of values that are printed. */
type Pages<T> = Iterable<readonly T[]> | AsyncIterable<readonly T[]>

/**
 * Makes lines of cells, as wide as the first pages need: there may be a million.
 * @param pages is called twice: for the first pages of all that differs, and for all pages
 */
export async function* table<T>(
  columns: readonly string[],
  pages: (first: boolean) => Pages<T>,
  cellsOf: (value: T) => readonly string[],
): AsyncGenerator<string> {
  const escaped = (value: T) => cellsOf(value).map(inOneLine)
  let widths = columns.map((column) => column.length)
  for await (const page of pages(true)) {
    const rows = page.map(escaped)
    widths = widths.map((width, i) => Math.max(width, ...rows.map((row) => row[i]?.length ?? 0)))
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  yield `${styleText('bold', line(columns), { stream: process.stdout })}\n`
  for await (const page of pages(false)) yield page.map((value) => `${line(escaped(value))}\n`).join('')
}

/** Makes one JSON array, a line for each value. */
export async function* jsonArray<T>(pages: Pages<T>, of: (value: T) => unknown): AsyncGenerator<string> {
  let before = '[\n'
  for await (const page of pages) {
    let text = ''
    for (const value of page) {
      text += before + escapeInJson(JSON.stringify(of(value)))
      before = ',\n'
    }
    yield text
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}
