import { expect, it } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

/** Computes for so many ms of CPU time, however busy the machine is. */
function block(ms: number): void {
  const used = () => process.threadCpuUsage().user + process.threadCpuUsage().system
  for (const end = used() + ms * 1000; used() < end; );
}

it('slowTask reports a task that blocks the event loop, with the line that deferred it', async () => {
  await using afterword = new Afterword({ slowTask: 500 })
  using reports = new Reports({ slowTasks: true })
  await afterword.defer(block, 600).outcome
  await afterword.defer(block, 0).outcome
  expect(reports.all.map(({ error }) => error.code)).toEqual(['AFTERWORD_SLOW_TASK'])
  expect(reports.all[0]?.error.message).toMatch(
    /^The task "block" \(.+\) kept the event loop busy for \d+ ms of CPU time\. The task was deferred at .*slow-tasks\.test\.ts:\d+:\d+/,
  )
  expect(reports.all[0]?.task?.name).toBe('block')
})

it('status().slowest lists the worst tasks, each with its count', async () => {
  await using afterword = new Afterword({ slowTask: 5 })
  using _reports = new Reports()
  const Render = afterword.job('render', block)
  for (const ms of [8, 300, 8]) await Render.defer(ms).outcome
  await afterword.defer(async () => block(10)).outcome
  const place = expect.stringContaining('slow-tasks.test.ts:')
  const { slowest } = afterword.status()
  expect(slowest).toEqual([
    { name: 'render', place, count: 3, worst: expect.any(Number) },
    { name: 'anonymous', place, count: 1, worst: expect.any(Number) },
  ])
  expect(slowest[0]?.worst).toBeGreaterThanOrEqual(290)
})

it('slowTask does not report a task that only waits', async () => {
  await using afterword = new Afterword({ slowTask: 500 })
  using reports = new Reports({ slowTasks: true })
  await afterword.defer(() => new Promise((resolve) => setTimeout(resolve, 600))).outcome
  expect(reports.all).toEqual([])
  expect(afterword.status().slowest).toEqual([])
})

it('slowTask does not report a task that had the thread, but not the processor', async () => {
  await using afterword = new Afterword({ slowTask: 500 })
  using reports = new Reports({ slowTasks: true })
  const nothing = new Int32Array(new SharedArrayBuffer(4))
  await afterword.defer(() => void Atomics.wait(nothing, 0, 0, 600)).outcome
  expect(reports.all).toEqual([])
})
