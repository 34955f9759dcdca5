import { styleText } from 'node:util'

/**
 * Lines of cells, as wide as the first pages need: there may be a million.
 * @param pages asked for twice: for the first pages of all that differs, and for all of them
 */
export function* table<T>(
  columns: readonly string[],
  pages: (first: boolean) => Iterable<readonly T[]>,
  cellsOf: (value: T) => readonly string[],
): Generator<string> {
  let widths = columns.map((column) => column.length)
  for (const page of pages(true)) {
    const rows = page.map(cellsOf)
    widths = widths.map((width, i) => Math.max(width, ...rows.map((row) => row[i]?.length ?? 0)))
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  yield `${styleText('bold', line(columns), { stream: process.stdout })}\n`
  for (const page of pages(false)) yield page.map((value) => `${line(cellsOf(value))}\n`).join('')
}

/** For machines: one array, a line for each value. */
export function* jsonArray<T>(pages: Iterable<readonly T[]>, of: (value: T) => unknown): Generator<string> {
  let before = '[\n'
  for (const page of pages) {
    let text = ''
    for (const value of page) {
      text += before + JSON.stringify(of(value))
      before = ',\n'
    }
    yield text
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}
