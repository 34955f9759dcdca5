import { expect, test } from 'vitest'
import { outage } from './outage/outage.ts'

const calls = 50_000

for (const engine of ['pg-boss', 'bullmq'] as const) {
  test(`${engine}: ${calls} calls that are dispatched while it is away arrive once, and take no memory meanwhile`, async () => {
    const { lost, twice, heaps } = await outage({ engine, calls, seconds: 0 })
    expect({ lost, twice }).toEqual({ lost: 0, twice: 0 })
    const [early = 0, ...later] = heaps
    // A call in memory would take some hundred bytes.
    for (const heap of later) expect(heap - early).toBeLessThan((3 / 4) * calls * 60)
  }, 600_000)
}
