/** One thing to reach, and what was measured. */
export interface Target {
  readonly what: string
  readonly measured: string
  readonly reached: boolean
}

/** The result of a part of the benchmark. */
export interface Result {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** The notes that a reader of the table needs. */
  readonly notes: readonly string[]
  readonly targets: readonly Target[]
  /** A plot of it, as SVG. */
  readonly plot?: string
}

/** The result as Markdown, aligned so that it reads well in a terminal too. */
export function toMarkdown({ title, columns, rows, notes, targets }: Result): string {
  const verdicts = targets.map(
    ({ what, measured, reached }) => `- ${reached ? 'Reached' : '**Not reached**'}: ${what}. Measured: ${measured}.`,
  )
  return [`### ${title}`, table(columns, rows), ...notes, verdicts.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(3, column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  // The first column is text, the others are numbers.
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, i) => (i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(columns), rule, ...rows.map(line)].join('\n')
}

/** A whole number with thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
