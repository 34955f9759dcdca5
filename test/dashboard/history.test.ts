import { expect, test } from 'vitest'
import { History } from '../../src/dashboard/now/history.ts'
import { quantilesBetween } from '../../src/dashboard/now/totals.ts'
import { Afterword, type Measurements } from '../../src/index.ts'
import { bounds } from '../../src/schedule/histogram.ts'
import { Reports } from '../support/reports.ts'

const withLevels = (measurements: Measurements, levels: Partial<Measurements['status']>): Measurements => ({
  ...measurements,
  status: { ...measurements.status, ...levels },
})

/** The counts of a histogram: in the bucket of the shortest times, and in the one that has no end. */
const totalsWith = (short: number, long: number) => [short, ...bounds.slice(1).map(() => 0), long]

test('a minute of the history adds up the outcomes of its seconds, and has the worst of their levels', async () => {
  using _reports = new Reports()
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  const history = new History()
  history.add(metrics.read())
  for (let second = 1; second < 59; second++) {
    if (second % 10 === 0) await afterword.defer(() => {}).outcome
    if (second === 30) await afterword.defer(() => Promise.reject(new Error('away'))).outcome
    const levels = { backlog: second === 20 ? 7 : 1, oldestAge: second === 40 ? 900 : 3, held: second === 41 ? 2 : 0 }
    expect(history.add(withLevels(metrics.read(), levels)).hours).toEqual([])
  }
  const { minutes, hours } = history.add(metrics.read())
  expect(minutes).toHaveLength(1)
  expect(hours).toMatchObject([{ done: 5, failed: 1, due: 7, oldestDue: 900, held: 2 }])
  expect(hours[0]?.run).toMatchObject({ p50: expect.any(Number), p95: expect.any(Number) })
  // The next minute begins with nothing.
  for (let second = 0; second < 59; second++) history.add(metrics.read())
  expect(history.add(metrics.read()).hours).toMatchObject([{ done: 0, failed: 0, due: 0, held: 0 }])
})

test('the history has the last 300 seconds and the last 1,440 minutes, and no more', async () => {
  await using afterword = new Afterword()
  using metrics = afterword.metrics()
  const history = new History()
  const measurements = metrics.read()
  const minutes = 1500
  for (let second = 0; second < minutes * 60; second++) {
    history.add(withLevels(measurements, { backlog: Math.floor(second / 60), held: second % 60 }))
  }
  const { minutes: seconds, hours } = history.points
  expect([seconds.length, hours.length]).toEqual([300, 1440])
  expect([seconds[0], seconds.at(-1)]).toMatchObject([
    { due: 1495, held: 0 },
    { due: 1499, held: 59 },
  ])
  expect(hours.map(({ due }) => due)).toEqual(Array.from({ length: 1440 }, (_, minute) => minutes - 1440 + minute))
})

test('a time above the largest bound of the histograms is told as such', () => {
  const before = totalsWith(0, 0)
  expect(quantilesBetween(before, totalsWith(3, 0))).toEqual({ p50: expect.any(Number), p95: expect.any(Number) })
  expect(quantilesBetween(before, totalsWith(3, 1))).toEqual({ p50: expect.any(Number), p95: null })
  expect(quantilesBetween(before, totalsWith(0, 2))).toEqual({ p50: null, p95: null })
})
