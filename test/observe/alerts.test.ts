import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import express from 'express'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { families } from '../../src/observe/families.ts'
import { prometheus } from '../../src/observe/prometheus.ts'
import { serve } from '../support/local-site.ts'
import { hasPromtool } from '../support/promtool.ts'
import { Reports } from '../support/reports.ts'

const run = promisify(execFile)
const rules = fileURLToPath(new URL('../../docs/prometheus/alerts.yml', import.meta.url))
const dashboard = new URL('../../docs/prometheus/grafana.json', import.meta.url)

interface Series {
  readonly series: string
  /** The values, one each minute, in the notation of promtool. */
  readonly values: string
}

/** An expression, and the samples that it has to have at the end. */
interface Expectation {
  readonly expr: string
  readonly samples: readonly { readonly labels: string; readonly value: number }[]
}

/** Plays series for so many minutes. Resolves with the answer of promtool. */
async function evaluate(input: readonly Series[], minutes: number, expected: readonly Expectation[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-alerts-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  const promql_expr_test = expected.map(({ expr, samples }) => ({
    expr,
    eval_time: `${minutes}m`,
    exp_samples: samples,
  }))
  const tests = [{ interval: '1m', input_series: input, promql_expr_test }]
  const file = join(folder, 'test.json')
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }))
  const { stdout } = await run('promtool', ['test', 'rules', file]).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`)
  })
  return stdout
}

/** Plays series, after which these alerts fire, and no others. */
function play(input: readonly Series[], minutes: number, firing: readonly string[]): Promise<string> {
  const samples = firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }))
  return evaluate(input, minutes, [{ expr: 'count by (alertname) (ALERTS{alertstate="firing"})', samples }])
}

/** The series that Prometheus makes of a text, each of which keeps its value for so many minutes. */
function seriesOf(text: string, minutes: number): Series[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => ({
    series: line.slice(0, line.lastIndexOf(' ')),
    values: `${line.split(' ').at(-1)}x${minutes}`,
  }))
}

const at = 'instance="app:3000",job="app"'

test.skipIf(!hasPromtool).each<[string, string, string, string]>([
  ['AfterwordTasksLate', `afterword_oldest_due_age_seconds{${at}}`, '0+60x10', '0 30 59 0 30 59 0 30 59 0 0'],
  [
    'AfterwordRecordsLate',
    `afterword_kept_oldest_due_age_seconds{${at}}`,
    '200+60x10',
    '0 250 299 0 250 299 0 0 0 0 0',
  ],
  ['AfterwordTasksFailed', `afterword_outcomes_total{${at},outcome="failed"}`, '0x5 1x5', '7x11'],
  ['AfterwordTasksFailed', `afterword_outcomes_total{${at},outcome="timed-out"}`, '0x5 3x5', '3x11'],
  ['AfterwordResponsesHeld', `afterword_held_responses{${at},for="room"}`, '0x5 3x5', '0 5 0 5 0 5 0 5 0 5 0'],
  ['AfterwordJournalLags', `afterword_journal_lag_seconds{${at}}`, '0x5 0+60x5', '0.1 6 0.1 0.1 6 0.1 0 0 0 0 0'],
  ['AfterwordEngineAway', `afterword_engine_away_seconds{${at}}`, '0+60x10', '0 50 0 50 0 0 0 0 0 0 0'],
])('the rule %s fires for %s, and is silent where all is well', async (name, series, bad, well) => {
  expect(await play([{ series, values: bad }], 10, [name])).toContain('SUCCESS')
  expect(await play([{ series, values: well }], 10, [])).toContain('SUCCESS')
})

test.skipIf(!hasPromtool)(
  'no rule fires for outcomes that are done or cancelled, and responses that wait for their records',
  async () => {
    const series = ['done', 'cancelled'].map((outcome) => `afterword_outcomes_total{${at},outcome="${outcome}"}`)
    series.push(`afterword_held_responses{${at},for="records"}`)
    expect(
      await play(
        series.map((each) => ({ series: each, values: '0+5x10' })),
        10,
        [],
      ),
    ).toContain('SUCCESS')
  },
)

test.skipIf(!hasPromtool)(
  'no rule fires for a backoff of ten hours, a delayed job and a response that stays open, as they are measured',
  async () => {
    const hours = 10 * 3_600_000
    const folder = mkdtempSync(join(tmpdir(), 'afterword-alerts-'))
    using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
    await using afterword = new Afterword({ journal: folder, worker: false, shutdownTimeout: 0 })
    using metrics = prometheus({}, afterword)
    await using site = await serve(afterword, (_req, res) => {
      afterword.defer(() => {})
      res.write('an event')
    })
    const stream = new AbortController()
    await fetch(site.url, { signal: stream.signal })
    const failing = afterword.defer.with({ retries: 1, backoff: hours })(() => Promise.reject(new Error('Not yet')))
    await afterword
      .job('later', () => {})
      .with({ delay: hours })
      .dispatch()
    let text = ''
    while (!text.includes('state="later"} 1') || !text.includes('state="retrying"} 1')) text = await metrics.text()
    expect(text).toContain('state="unsent"} 1')
    const series = seriesOf(text, 600)
    expect(series.length).toBeGreaterThan(20)
    expect(await play(series, 600, [])).toContain('SUCCESS')
    failing.cancel()
    stream.abort()
  },
)

interface GrafanaPanel {
  readonly id: number
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

/** The panels of the dashboard, with the expressions as Grafana asks them where all of a variable is chosen. */
function panelsOf(file: URL): GrafanaPanel[] {
  const text = readFileSync(file, 'utf8')
    .replaceAll(/\$(job|instance)\b/g, '.+')
    .replaceAll('$__rate_interval', '5m')
  return (JSON.parse(text) as { panels: GrafanaPanel[] }).panels
}

test.skipIf(!hasPromtool)(
  'each expression of the dashboard of Grafana has values, by the metrics of an app',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-alerts-'))
    using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
    using _reports = new Reports()
    await using afterword = new Afterword({ journal: folder, worker: false, signals: false })
    using metrics = prometheus({ loopDelay: true }, afterword)
    const app = express()
    app.get('/metrics', metrics.handler)
    await using site = await serve(afterword, app)
    await afterword.job('fails', () => Promise.reject(new Error('away')), { retries: 0 }).defer().outcome
    await afterword.job('waits', () => {}).dispatch()
    const running = Promise.withResolvers<void>()
    afterword.defer(() => running.promise)
    let text = ''
    while (!/state="failed"} 1/.test(text) || !/kept_records.*state="due"} 1/.test(text)) {
      text = await (await fetch(`${site.url}/metrics`)).text()
    }
    running.resolve()
    // Prometheus adds the labels of the target.
    const series = seriesOf(text, 10).map(({ series, values }) => {
      const [name = ''] = series.split('{', 1)
      const labels = series.slice(name.length + 1, -1)
      return { series: `${name}{${[at, labels].filter((each) => each !== '').join(',')}}`, values }
    })
    const asked = panelsOf(dashboard).flatMap(({ targets }) => targets.map(({ expr }) => expr))
    expect(asked.length).toBeGreaterThan(10)
    const expected = asked.map((expr) => ({
      expr: `count(${expr}) > bool 0`,
      samples: [{ labels: '{}', value: 1 }],
    }))
    expect(await evaluate(series, 10, expected)).toContain('SUCCESS')
  },
)

test('the dashboard of Grafana and the rules ask for metrics that there are', () => {
  const asked = `${readFileSync(dashboard, 'utf8')}${readFileSync(rules, 'utf8')}`.matchAll(/\bafterword_\w+/g)
  const known = new Set(families.map(({ name }) => name))
  const unknown = Array.from(asked, ([name]) => name.replace(/_bucket$/, '')).filter((name) => !known.has(name))
  expect(unknown).toEqual([])
})

test('the dashboard of Grafana has panels with ids of their own, none of which covers another one', () => {
  const panels = panelsOf(dashboard) as (GrafanaPanel & { gridPos: Record<'x' | 'y' | 'w' | 'h', number> })[]
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBeLessThanOrEqual(24)
})

test('docs/operating.md has the steps for each alert, and no others', () => {
  const alerts = Array.from(readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g), ([, name]) => name)
  const page = readFileSync(new URL('../../docs/operating.md', import.meta.url), 'utf8')
  expect(Array.from(page.matchAll(/^### (Afterword\w+)$/gm), ([, name]) => name)).toEqual(alerts)
})
