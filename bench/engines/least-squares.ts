/**
 * Fits a linear model by least squares, of which no part is negative: nothing costs less than nothing.
 * @param rows the factors of each sample @param values what was measured @returns the coefficient of each factor
 */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const factors = Array.from(rows[0] ?? [], (_, i) => i)
  for (;;) {
    const found = solve(
      rows.map((row) => factors.map((i) => at(row, i))),
      values,
    )
    const least = Math.min(...found)
    if (factors.length === 1 || least >= 0) return Array.from(rows[0] ?? [], (_, i) => found[factors.indexOf(i)] ?? 0)
    factors.splice(found.indexOf(least), 1)
  }
}

function solve(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const width = rows[0]?.length ?? 0
  const dot = (a: number, b: (row: number) => number) =>
    rows.reduce((sum, row, i) => sum + (row[a] as number) * b(i), 0)
  // The normal equations, with what is to be reached in the last column.
  const matrix = Array.from({ length: width }, (_, a) => [
    ...Array.from({ length: width }, (_, b) => dot(a, (i) => rows[i]?.[b] as number)),
    dot(a, (i) => values[i] as number),
  ])
  for (let column = 0; column < width; column++) {
    const below = matrix.slice(column)
    const pivot = below.reduce((best, row) => (Math.abs(at(row, column)) > Math.abs(at(best, column)) ? row : best))
    matrix.splice(matrix.indexOf(pivot), 1)
    matrix.splice(column, 0, pivot)
    for (const row of matrix) {
      if (row === pivot) continue
      const factor = at(row, column) / at(pivot, column)
      for (let i = column; i <= width; i++) row[i] = at(row, i) - factor * at(pivot, i)
    }
  }
  return matrix.map((row, i) => at(row, width) / at(row, i))
}

/** Asks the model for a sample. */
export function predict(row: readonly number[], coefficients: readonly number[]): number {
  return row.reduce((sum, factor, i) => sum + factor * at(coefficients, i), 0)
}

const at = (row: readonly number[], i: number) => row[i] as number
