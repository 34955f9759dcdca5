import { expect, test } from 'vitest'
import { Afterword, type TaskMeasurements } from '../../src/index.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { Turns } from '../support/turns.ts'

const wait = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

/** The counters of measurements, without their times. */
function countersOf(measured: readonly TaskMeasurements[]) {
  return measured.map(({ wait, run, ...counters }) => ({ ...counters, waits: wait.count, runs: run.count }))
}

const none = { attempts: 0, retries: 0, done: 0, failed: 0, timedOut: 0, cancelled: 0, waits: 0, runs: 0 }

test('metrics().read() has attempts and outcomes by name', async () => {
  await using afterword = new Afterword()
  using _reports = new Reports()
  using metrics = afterword.metrics()
  let tries = 0
  const Flaky = afterword.job('flaky', () => void (++tries === 1 && fail()), { retries: 1, backoff: 0 })
  Flaky.defer()
  afterword.defer(async function fails() {
    fail()
  })
  afterword.defer.with({ timeout: 1 })(function hangs() {
    return new Promise(() => {})
  })
  afterword.defer(function cancelled() {}).cancel()
  await afterword.drain()
  expect(countersOf(metrics.read().measured)).toEqual([
    { ...none, name: 'cancelled', cancelled: 1 },
    { ...none, name: 'fails', attempts: 1, failed: 1, waits: 1, runs: 1 },
    { ...none, name: 'flaky', attempts: 2, retries: 1, done: 1, waits: 2, runs: 2 },
    { ...none, name: 'hangs', attempts: 1, timedOut: 1, waits: 1, runs: 1 },
  ])
})

test('metrics().read() has the time for which a task waited since its response was sent, and that of its run', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  const turns = new Turns()
  const Send = afterword.job('send', (name: string) => turns.take(name), { concurrency: 1 })
  await using site = await serve(afterword, async (_req, res) => {
    Send.defer('first')
    // No part of the wait: the response is still open.
    await wait(200)
    res.end()
  })
  await site.get()
  await turns.taken('first')
  const [first] = metrics.read().measured
  expect(first?.wait.count).toBe(1)
  expect(first?.run.count).toBe(0)
  Send.defer('second')
  await wait(60)
  turns.end('first')
  await turns.taken('second')
  turns.end('second')
  await afterword.drain()
  const [both] = metrics.read().measured
  expect(both?.wait.count).toBe(2)
  expect((both?.wait.sum ?? 0) - (first?.wait.sum ?? 0)).toBeGreaterThan(50)
  expect(both?.run.count).toBe(2)
  expect(both?.run.sum).toBeGreaterThan(50)
  expect(both?.run.counts.reduce((sum, count) => sum + count, 0)).toBe(2)
  // A reading does not change when more is measured.
  expect(first?.wait.count).toBe(1)
})

test('metrics(): each item of a batch counts once, and its wait for the others does not', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  const Track = afterword.batch('track', () => {}, { size: 2, within: 600_000 })
  Track.defer(1)
  await wait(100)
  await Track.defer(2).outcome
  const { measured } = metrics.read()
  expect(countersOf(measured)).toEqual([{ ...none, name: 'track', attempts: 2, done: 2, waits: 2, runs: 2 }])
})

test('metrics(): a task that its `when` skips is cancelled, and no attempt', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  await using site = await serve(afterword, (_req, res) => {
    res.statusCode = 500
    afterword.defer.with({ when: 'success' })(function skipped() {})
    const Track = afterword.batch('track', () => {}, { size: 1, when: 'success' })
    Track.defer(1)
    res.end()
  })
  await site.get()
  await afterword.drain()
  expect(countersOf(metrics.read().measured)).toEqual([
    { ...none, name: 'skipped', cancelled: 1 },
    { ...none, name: 'track', cancelled: 1 },
  ])
})

test('metrics() of one instance read the same numbers, from the first until all are closed', async () => {
  await using afterword = new Afterword()
  await using other = new Afterword()
  await afterword.defer(function unmeasured() {}).outcome
  const first = afterword.metrics()
  await afterword.defer(function save() {}).outcome
  const second = afterword.metrics()
  await other.defer(function foreign() {}).outcome
  const saved = [{ ...none, name: 'save', attempts: 1, done: 1, waits: 1, runs: 1 }]
  for (const metrics of [first, second]) expect(countersOf(metrics.read().measured)).toEqual(saved)
  first.close()
  first.close()
  expect(countersOf(second.read().measured)).toEqual(saved)
  expect(() => first.read()).toThrow(expect.objectContaining({ code: 'AFTERWORD_METRICS_CLOSED' }))
  second.close()
  using third = afterword.metrics()
  expect(third.read().measured).toEqual([])
})

test('metrics(): a task that began before them counts no run', async () => {
  await using afterword = new Afterword()
  const turns = new Turns()
  afterword.defer(function early() {
    return turns.take('early')
  })
  await turns.taken('early')
  using metrics = afterword.metrics()
  expect(metrics.read().status).toMatchObject({ running: 1 })
  turns.end('early')
  await afterword.drain()
  expect(countersOf(metrics.read().measured)).toEqual([{ ...none, name: 'early', done: 1 }])
})

test('metrics({ loopDelay: true }) has the delay of the event loop since the last reading', async () => {
  await using afterword = new Afterword({ slowTask: 10_000 })
  using plain = afterword.metrics()
  using metrics = afterword.metrics({ loopDelay: true })
  await wait(50)
  const until = performance.now() + 300
  while (performance.now() < until);
  await wait(50)
  const delay = metrics.read().loopDelay
  expect(delay?.max).toBeGreaterThan(200)
  expect(delay?.p99).toBeLessThanOrEqual(delay?.max as number)
  expect(plain.read().loopDelay).toBeUndefined()
})

test('metrics() refuses an option that it does not have', () => {
  const afterword = new Afterword()
  expect(() => afterword.metrics({ loopdelay: true } as never)).toThrow(
    expect.objectContaining({ code: 'AFTERWORD_UNKNOWN_OPTION' }),
  )
})

function fail(): never {
  throw new Error('failed on purpose')
}
