import { styleText } from 'node:util'
import { escapeInJson, inOneLine } from '../control-characters.ts'

/** The pages of values that are printed. */
type Pages<T> = Iterable<readonly T[]> | AsyncIterable<readonly T[]>

/** The number of rows after which the first lines are printed: these are as wide as they need, and those behind them at least as wide. */
const firstRows = 500

/**
 * Makes lines of cells. There may be a million: the widths are known from the first rows, and grow where a later page needs more. Where these are all,
 * a column that no row fills is left out.
 */
export async function* table<T>(
  columns: readonly string[],
  pages: Pages<T>,
  cellsOf: (value: T) => readonly string[],
): AsyncGenerator<string> {
  const escaped = (value: T) => cellsOf(value).map(inOneLine)
  let widths = columns.map((column) => column.length)
  let filled = columns.map(() => true)
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .filter((_cell, i) => filled[i])
      .join('  ')
      .trimEnd()
  const lines = (rows: readonly (readonly string[])[]) => {
    for (const row of rows) widths = widths.map((width, i) => Math.max(width, row[i]?.length ?? 0))
    return rows.map((row) => `${line(row)}\n`).join('')
  }
  const head = () => `${styleText('bold', line(columns), { stream: process.stdout })}\n`
  let first: (readonly string[])[] | undefined = []
  for await (const page of pages) {
    const rows = page.map(escaped)
    if (first === undefined) {
      yield lines(rows)
      continue
    }
    first.push(...rows)
    if (first.length < firstRows) continue
    const text = lines(first)
    first = undefined
    yield head() + text
  }
  if (first === undefined) return
  const all = first
  if (all.length > 0) filled = columns.map((_column, i) => all.some((row) => row[i] !== ''))
  const text = lines(first)
  yield head() + text
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
