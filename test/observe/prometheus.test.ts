import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { Hono } from 'hono'
import { AggregatorRegistry, Registry } from 'prom-client'
import { expect, onTestFinished, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { prometheus } from '../../src/observe/prometheus.ts'
import { serve } from '../support/local-site.ts'
import { Program } from '../support/program.ts'
import { hasPromtool } from '../support/promtool.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

/** The values of a text by their names and labels. */
function valuesOf(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

/** Runs a job that is done, one that fails, and leaves one running and one behind it. */
async function busy(afterword: Afterword): Promise<Turns> {
  const turns = new Turns()
  const Send = afterword.job('send', (name: string) => turns.take(name), { concurrency: 1 })
  await afterword.job('done', () => {}).defer().outcome
  await afterword.job('fails', () => Promise.reject(new Error('away')), { retries: 1, backoff: 0 }).defer().outcome
  Send.defer('first')
  Send.defer('second')
  await turns.taken('first')
  return turns
}

test('prometheus() counts the records of a journal that is configured later', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-later-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await using program = new Program(new URL('programs/configured-later.ts', import.meta.url), { args: [folder] })
  const { text } = await program.message('text')
  expect(text).toMatch(/^afterword_kept_oldest_due_age_seconds /m)
})

test('names that are made of arguments are no more than 500 and (other), however often they are read', async () => {
  await using afterword = new Afterword({ concurrency: 1 })
  using metrics = prometheus({}, afterword)
  const names = new Set<string>()
  const turns = new Turns()
  for (let reading = 0; reading < 5; reading++) {
    for (let user = 0; user < 300; user++) {
      afterword.defer.with({ name: `mail of ${reading * 300 + user}` })(() =>
        user === 0 ? turns.take(`${reading}`) : undefined,
      )
    }
    await turns.taken(`${reading}`)
    const text = await metrics.text()
    for (const [, name = ''] of text.matchAll(/^afterword_tasks\{task="(.*?)"/gm)) names.add(name)
    const due = Object.entries(valuesOf(text)).filter(([name]) => /^afterword_tasks\{.*state="due"/.test(name))
    expect(due.reduce((sum, [, value]) => sum + value, 0)).toBe(299)
    turns.end(`${reading}`)
    await afterword.drain()
  }
  expect(names.size).toBe(501)
})

test('prometheus().text() has tasks by state, outcomes, attempts and histograms', async () => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  using metrics = prometheus({ loopDelay: true }, afterword)
  const turns = await busy(afterword)
  const text = await metrics.text()
  const values = valuesOf(text)
  expect(values).toMatchObject({
    'afterword_tasks{task="send",state="due"}': 1,
    'afterword_tasks{task="send",state="running"}': 1,
    'afterword_tasks{task="send",state="retrying"}': 0,
    'afterword_outcomes_total{outcome="done"}': 1,
    'afterword_outcomes_total{outcome="failed"}': 1,
    'afterword_task_outcomes_total{task="fails",outcome="failed"}': 1,
    'afterword_attempts_total{task="fails"}': 2,
    'afterword_retries_total{task="fails"}': 1,
    'afterword_held_responses{for="room"}': 0,
    'afterword_held_responses{for="records"}': 0,
    'afterword_run_seconds_bucket{task="fails",le="+Inf"}': 2,
    'afterword_run_seconds_count{task="fails"}': 2,
    'afterword_wait_seconds_count{task="send"}': 1,
    afterword_journal_lag_seconds: 0,
    afterword_requests_in_flight: 0,
  })
  expect(values['afterword_event_loop_delay_seconds{quantile="0.99"}']).toBeGreaterThanOrEqual(0)
  expect(values.afterword_oldest_due_age_seconds).toBeGreaterThan(0)
  const buckets = Object.entries(values).filter(([name]) =>
    name.startsWith('afterword_run_seconds_bucket{task="fails"'),
  )
  expect(buckets).toHaveLength(12)
  const counts = buckets.map(([, count]) => count)
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
  expect(text).toContain('# TYPE afterword_run_seconds histogram\n')
  for (const name of ['first', 'second']) {
    await turns.taken(name)
    turns.end(name)
  }
})

test.skipIf(!hasPromtool)(
  'prometheus().text() passes the check of promtool, also with names that have quotes, backslashes and lines',
  async () => {
    await using afterword = new Afterword()
    using metrics = prometheus({}, afterword)
    const name = 'say "hi" \\ twice\nin two lines'
    await afterword.job(name, () => {}).defer().outcome
    const text = await metrics.text()
    expect(text).toContain('afterword_attempts_total{task="say \\"hi\\" \\\\ twice\\nin two lines"} 1\n')
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
    expect({ error: checked.error, status: checked.status, stderr: checked.stderr }).toEqual({
      error: undefined,
      status: 0,
      stderr: '',
    })
  },
)

test('prometheus().handler answers a request of Express and of node:http, and says when the metrics are closed', async () => {
  await using afterword = new Afterword()
  const metrics = prometheus({}, afterword)
  const app = express()
  app.get('/metrics', metrics.handler)
  for (const listener of [app, metrics.handler]) {
    await using site = await serve(afterword, listener)
    const response = await fetch(`${site.url}/metrics`)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(valuesOf(await response.text())).toMatchObject({ afterword_oldest_due_age_seconds: 0 })
  }
  metrics.close()
  await using site = await serve(afterword, metrics.handler)
  const response = await fetch(site.url)
  expect(response.status).toBe(500)
  expect(await response.text()).toContain('Metrics were read that are closed')
})

test('prometheus().fetch answers a request of Hono', async () => {
  await using afterword = new Afterword()
  using metrics = prometheus({}, afterword)
  const app = new Hono().get('/metrics', metrics.fetch)
  const response = await app.request('/metrics')
  expect(response.headers.get('content-type')).toBe(metrics.contentType)
  expect(valuesOf(await response.text())).toMatchObject({ afterword_oldest_due_age_seconds: 0 })
})

test.each([Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE])(
  'prometheus().register() adds the metrics to a registry of prom-client, %s',
  async (type) => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    using metrics = prometheus({}, afterword)
    const registry = new (Registry as unknown as new (type: string) => Registry)(type)
    const remove = metrics.register(registry)
    const turns = await busy(afterword)
    const text = await registry.metrics()
    const own = valuesOf(await metrics.text())
    const registered = valuesOf(text)
    const ages = /age_seconds/
    const steady = (values: Record<string, number>) =>
      Object.fromEntries(Object.entries(values).filter(([name]) => !ages.test(name)))
    expect(steady(registered)).toEqual(steady(own))
    expect((await registry.getMetricsAsJSON()).map(({ name }) => name)).toContain('afterword_tasks')
    registry.resetMetrics()
    expect(valuesOf(await registry.metrics())).toMatchObject({ 'afterword_attempts_total{task="fails"}': 2 })
    remove()
    expect((await registry.metrics()).trim().replace('# EOF', '')).toBe('')
    for (const name of ['first', 'second']) {
      await turns.taken(name)
      turns.end(name)
    }
  },
)

test('prometheus().close() removes the metrics from a registry, which goes on with those of the app', async () => {
  const registry = new Registry()
  for (let time = 0; time < 2; time++) {
    const metrics = prometheus()
    metrics.register(registry)
    expect(await registry.metrics()).toContain('afterword_')
    metrics.close()
    expect((await registry.metrics()).trim()).toBe('')
  }
})

test('prometheus().register(): a cluster adds tasks up, and takes the highest of ages and of the records of a folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-prometheus-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  await using afterword = new Afterword({ journal: folder, worker: false })
  using metrics = prometheus({ loopDelay: true }, afterword)
  const registry = new Registry()
  metrics.register(registry)
  await afterword.job('send', () => {}).dispatch()
  const kept = 'afterword_kept_records{task="send",state="due"}'
  while (valuesOf(await registry.metrics())[kept] !== 1);
  const one = await registry.getMetricsAsJSON()
  const cluster = AggregatorRegistry.aggregate([one, one] as never)
  expect(valuesOf(await cluster.metrics())[kept]).toBe(1)
  const highest = one.filter(({ aggregator }) => aggregator === 'max').map(({ name }) => name)
  expect(highest).toContain('afterword_oldest_due_age_seconds')
  expect(highest).toContain('afterword_event_loop_delay_seconds')
  expect(highest).not.toContain('afterword_tasks')
})

test('prometheus().text() counts the records that the journal keeps for any process, and those that have failed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-prometheus-'))
  using _folder = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
  await using afterword = new Afterword({ journal: folder, worker: false })
  using _reports = new Reports()
  using metrics = prometheus({}, afterword)
  const Send = afterword.job('send', () => {})
  const Chat = afterword.job('chat', (_room: string) => {}, { lane: (room) => room })
  const Fails = afterword.job('fails', () => Promise.reject(new Error('refused')), { retries: 0 })
  await Send.dispatch()
  await Send.with({ delay: 3_600_000 }).dispatch()
  await Chat.dispatch('a')
  await Chat.dispatch('a')
  await Fails.with({ key: 'k' }).defer().outcome
  let values: Record<string, number> = {}
  const known = () => values['afterword_kept_records{task="fails",state="failed"}'] === 1
  const waiting = () => values['afterword_kept_records{task="send",state="later"}'] === 1
  while (!known() || !waiting()) values = valuesOf(await metrics.text())
  expect(values).toMatchObject({
    'afterword_kept_records{task="chat",state="due"}': 1,
    'afterword_kept_records{task="chat",state="queued"}': 1,
    'afterword_kept_records{task="fails",state="failed"}': 1,
    'afterword_kept_records{task="send",state="due"}': 1,
    'afterword_kept_records{task="send",state="later"}': 1,
  })
  expect(values.afterword_kept_oldest_due_age_seconds).toBeGreaterThanOrEqual(0)
  expect(values.afterword_kept_oldest_due_age_seconds).toBeLessThan(3600)
})
