import { styleText } from 'node:util'

/** Lines of cells, as wide as the first page of them needs: there may be a million. */
export function* table<T>(
  columns: readonly string[],
  pages: Iterable<readonly T[]>,
  cellsOf: (value: T) => readonly string[],
): Generator<string> {
  let widths: readonly number[] | undefined
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths?.[i] ?? 0))
      .join('  ')
      .trimEnd()
  const head = () => `${styleText('bold', line(columns), { stream: process.stdout })}\n`
  for (const page of pages) {
    const rows = page.map(cellsOf)
    if (widths === undefined) {
      widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)))
      yield head()
    }
    yield rows.map((row) => `${line(row)}\n`).join('')
  }
  if (widths === undefined) yield head()
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
