import { useId } from 'preact/hooks'

/** The values of a plot over time, the oldest first. A moment at which nothing was measured has none. */
export interface Line {
  readonly name: string
  readonly tone: 'after' | 'wait' | 'fail' | 'ink' | 'soft'
  readonly values: readonly (number | undefined)[]
}

interface PlotProps {
  readonly title: string
  /** The lines; in a stack each stands on the one before it. */
  readonly lines: readonly Line[]
  readonly stacked?: boolean
  /** Prints a value with its unit. */
  readonly print: (value: number) => string
  /** The least upper end of the scale: small values look small. */
  readonly least: number
  /** The value as which an infinite one is drawn. */
  readonly longest?: number
  /** The moment that is looked at, as an index of the values; the last one without. */
  readonly cursor: number | undefined
  readonly onPoint: (index: number | undefined) => void
  /** The time that the plot shows, in words. */
  readonly span: string
}

const height = 100

/** A small plot over time. Its numbers are said in words, too. */
export function Plot({ title, lines, stacked = false, print, least, longest = 0, cursor, onPoint, span }: PlotProps) {
  const id = useId()
  const length = lines[0]?.values.length ?? 0
  const drawn = stacked ? stack(lines) : lines.map((line) => ({ ...line, values: finite(line.values, longest) }))
  const top = niceTop(Math.max(least, ...drawn.flatMap(({ values }) => values.map((value) => value ?? 0))))
  const at = cursor ?? lastIndex(lines)
  const point = (event: PointerEvent) => {
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect()
    onPoint(Math.max(0, Math.min(length - 1, Math.round(((event.clientX - left) / width) * (length - 1)))))
  }
  return (
    <figure class="plot" aria-labelledby={id}>
      <figcaption id={id}>{title}</figcaption>
      <p class="plot-values">
        {lines.map(({ name, tone, values }) => (
          // Nothing is red while nothing fails.
          <span class={`plot-value ${values[at] ? tone : ''}`} key={name}>
            <b class="number">{values[at] === undefined ? '–' : print(values[at])}</b>
            {lines.length > 1 && <span>{name}</span>}
          </span>
        ))}
      </p>
      <div class="plot-area" onPointerMove={point} onPointerLeave={() => onPoint(undefined)}>
        <span class="plot-top number" aria-hidden="true">
          {print(top)}
        </span>
        <svg
          viewBox={`0 0 ${Math.max(1, length - 1)} ${height}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={inWords(lines, print, span)}
        >
          {drawn.toReversed().map(({ name, tone, values }) => (
            <g class={`line ${tone}`} key={name}>
              <path class="fill" d={areaOf(values, top)} />
              <path class="stroke" d={pathOf(values, top)} />
            </g>
          ))}
          {cursor !== undefined && <path class="cursor" d={`M${cursor} 0V${height}`} />}
        </svg>
      </div>
    </figure>
  )
}

function stack(lines: readonly Line[]): Line[] {
  const sums: (number | undefined)[] = []
  return lines.map(({ values, ...line }) => {
    for (const [index, value] of values.entries()) if (value !== undefined) sums[index] = (sums[index] ?? 0) + value
    return { ...line, values: values.map((value, index) => (value === undefined ? undefined : sums[index])) }
  })
}

function finite(values: Line['values'], longest: number): Line['values'] {
  return values.map((value) => (value === Infinity ? longest : value))
}

/** The end of a scale on which a value has room: a round number. */
function niceTop(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value))
  return unit * ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * unit >= value * 0.999) ?? 10)
}

function lastIndex(lines: readonly Line[]): number {
  return Math.max(0, ...lines.map(({ values }) => values.findLastIndex((value) => value !== undefined)))
}

const y = (value: number, top: number) => +(height - (value / top) * (height - 3)).toFixed(2)

function pathOf(values: Line['values'], top: number): string {
  let isDrawing = false
  return values.reduce<string>((path, value, index) => {
    if (value === undefined) {
      isDrawing = false
      return path
    }
    // A moment between two gaps is a dot: a line of no length with round ends.
    const step = isDrawing ? `L${index} ${y(value, top)}` : `M${index} ${y(value, top)}h0`
    isDrawing = true
    return path + step
  }, '')
}

function areaOf(values: Line['values'], top: number): string {
  let path = ''
  let last: number | undefined
  for (const [index, value] of values.entries()) {
    if (value !== undefined) path += `${last === undefined ? `M${index} ${height}` : ''}L${index} ${y(value, top)}`
    else if (last !== undefined) path += `L${last} ${height}Z`
    last = value === undefined ? undefined : index
  }
  return last === undefined ? path : `${path}L${last} ${height}Z`
}

function inWords(lines: readonly Line[], print: (value: number) => string, span: string): string {
  const texts = lines.map(({ name, values }) => {
    const known = values.filter((value) => value !== undefined)
    if (known.length === 0) return `${name}: nothing was measured`
    return `${name}: ${print(known.at(-1)!)} now, from ${print(Math.min(...known))} to ${print(Math.max(...known))}`
  })
  return `${texts.join('; ')}, in the ${span}.`
}
