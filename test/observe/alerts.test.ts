import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { families } from '../../src/observe/families.ts'
import { prometheus } from '../../src/observe/prometheus.ts'
import { serve } from '../support/local-site.ts'
import { hasPromtool } from '../support/promtool.ts'

const run = promisify(execFile)
const rules = fileURLToPath(new URL('../../docs/prometheus/alerts.yml', import.meta.url))
const dashboard = new URL('../../docs/prometheus/grafana.json', import.meta.url)

interface Series {
  readonly series: string
  /** The values, one each minute, in the notation of promtool. */
  readonly values: string
}

/** Plays series for so many minutes. Resolves with the answer of promtool. */
async function play(input: readonly Series[], minutes: number, firing: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-alerts-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  const samples = firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 }))
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"})'
  const tests = [
    {
      interval: '1m',
      input_series: input,
      promql_expr_test: [{ expr, eval_time: `${minutes}m`, exp_samples: samples }],
    },
  ]
  const file = join(folder, 'test.json')
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }))
  const { stdout } = await run('promtool', ['test', 'rules', file]).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}`)
  })
  return stdout
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
    const series = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [name = '', value] = [line.slice(0, line.lastIndexOf(' ')), line.split(' ').at(-1)]
        return { series: name, values: `${value}x600` }
      })
    expect(series.length).toBeGreaterThan(20)
    expect(await play(series, 600, [])).toContain('SUCCESS')
    failing.cancel()
    stream.abort()
  },
)

test('the dashboard of Grafana and the rules ask for metrics that there are', () => {
  const asked = `${readFileSync(dashboard, 'utf8')}${readFileSync(rules, 'utf8')}`.matchAll(/\bafterword_\w+/g)
  const known = new Set(families.map(({ name }) => name))
  const unknown = Array.from(asked, ([name]) => name.replace(/_bucket$/, '')).filter((name) => !known.has(name))
  expect(unknown).toEqual([])
  const { panels } = JSON.parse(readFileSync(dashboard, 'utf8')) as { panels: { id: number; title: string }[] }
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
})
