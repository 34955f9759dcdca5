export interface Series {
  readonly title: string
  /** `ys`: p50, p99 and p99.9, in ms. */
  readonly points: readonly { readonly x: number; readonly ys: readonly number[] }[]
}

const width = 900
const height = 300
const margin = { left: 60, right: 20, top: 60, bottom: 40 }
const colours = ['#0a7d4f', '#c0392b', '#d68910', '#7d3c98', '#2471a3', '#566573']
const quantiles = ['p50', 'p99', 'p99.9']

/** One panel for each quantile: the latency by the share of a core that is deferred, on a logarithmic scale. */
export function plot(title: string, series: readonly Series[]): string {
  const panel = (width - margin.left - margin.right) / quantiles.length
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x))
  const ys = series.flatMap(({ points }) => points.flatMap(({ ys }) => ys))
  const [low, high] = [Math.floor(Math.log10(Math.min(...ys))), Math.ceil(Math.log10(Math.max(...ys)))]
  const right = Math.max(...xs)
  const x = (value: number, index: number) => margin.left + index * panel + (value / right) * (panel - 40)
  const y = (value: number) =>
    height - margin.bottom - ((Math.log10(value) - low) / (high - low)) * (height - margin.top - margin.bottom)

  const decades = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  const grid = decades.map(
    (value) =>
      `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>` +
      `<text x="${margin.left - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`,
  )
  const panels = quantiles.flatMap((quantile, index) => [
    `<text x="${x(0, index)}" y="${margin.top - 8}" font-weight="bold">${quantile}</text>`,
    ...[...new Set(xs)].map(
      (value) =>
        `<text x="${x(value, index)}" y="${height - margin.bottom + 16}" text-anchor="middle">${value} %</text>`,
    ),
    ...series.map(({ points }, i) => {
      const path = points.map((point) => `${x(point.x, index).toFixed(1)},${y(point.ys[index] as number).toFixed(1)}`)
      const colour = colours[i % colours.length]
      const dots = path.map(
        (at) => `<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${colour}"/>`,
      )
      return `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`
    }),
  ])
  const legend = series.map(({ title }, i) => {
    const left = margin.left + (i * (width - margin.left)) / series.length
    return `<rect x="${left}" y="28" width="10" height="10" fill="${colours[i % colours.length]}"/><text x="${left + 14}" y="37">${title}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="18" font-size="14">${title}</text>`,
    ...grid,
    ...panels,
    ...legend,
    '</svg>',
  ].join('\n')
}
