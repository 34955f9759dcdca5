import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Afterword, currentTask } from '../../src/index.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { retryDelay } from '../../src/task/retry.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-retries-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const hour = 3_600_000
const byDefault = { retries: undefined, backoff: {} }

/** The longest delays, one for each retry. */
function bounds(isKept: boolean): number[] {
  const delays: number[] = []
  for (let attempt = 1; ; attempt++) {
    const delay = retryDelay(byDefault, { attempt, isKept }, () => 1)
    if (delay === undefined) return delays
    delays.push(delay)
  }
}

describe('retries, by default,', () => {
  it('of a kept job are 20, over a day on average and two at most, from a second to eight hours', () => {
    const delays = bounds(true)
    expect(delays).toHaveLength(20)
    expect(delays.slice(0, 3)).toEqual([1000, 2000, 4000])
    expect(Math.max(...delays)).toBe(8 * hour)
    const sum = delays.reduce((sum, delay) => sum + delay, 0)
    expect(sum).toBeGreaterThan(48 * hour)
    expect(sum).toBeLessThan(50 * hour)
  })

  it('of a job in memory are 5, within a minute', () => {
    expect(bounds(false)).toEqual([1000, 2000, 4000, 8000, 16_000])
  })

  it.each([true, false])('have the options that are given (kept: %s)', (isKept) => {
    const options = { retries: 2, backoff: { base: 10, factor: 10, max: 50 } }
    const delay = (attempt: number) => retryDelay(options, { attempt, isKept }, () => 1)
    expect([1, 2, 3].map(delay)).toEqual([10, 50, undefined])
  })
})

describe('job, with a journal,', () => {
  it('is tried 20 times more', async () => {
    await using afterword = new Afterword({ journal: folder })
    using reports = new Reports()
    let runs = 0
    const fail = () => {
      runs++
      throw new Error('no luck')
    }
    const Fail = afterword.job('fail', fail, { backoff: 0 })
    expect(await Fail.defer().outcome).toMatchObject({ status: 'failed' })
    expect(runs).toBe(21)
    expect(reports.codes).toEqual(['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED'])
  })

  it.each([
    [1, 'It is kept, and tried again in 60000 ms. afterword show'],
    [2, 'It is kept, and tried again in 60000 ms, up to 2 times in all. afterword show'],
  ])('tells with its first failure what follows: retries: %i', async (retries, what) => {
    await using afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
    using reports = new Reports()
    const reported = reports.next
    const fail = () => Promise.reject(new Error('no luck'))
    afterword.job('fail', fail, { retries, backoff: 60_000 }).defer()
    expect((await reported).error.message).toContain(what)
  })

  it('tells its first failure in one line, and the last error in the journal', async () => {
    await using afterword = new Afterword({ journal: folder })
    using reports = new Reports()
    const again = Promise.withResolvers<void>()
    const fail = () => {
      const attempt = Number(currentTask()?.attempt ?? afterword.currentTask()?.attempt)
      if (attempt === 2) setImmediate(again.resolve)
      throw new Error(`no luck in attempt ${attempt}\nand a line`)
    }
    const Fail = afterword.job('fail', fail, { backoff: (attempt) => (attempt === 1 ? 0 : hour) })
    const call = Fail.defer()
    await again.promise
    const [first, ...more] = reports.all
    expect(more).toEqual([])
    expect(first?.error).toMatchObject({ code: 'AFTERWORD_TASK_RETRIED' })
    expect(first?.error.message).toMatch(
      /^The task "fail" \(\w+\) failed in attempt 1: Error: no luck in attempt 1\. .*up to 20 times in all/,
    )
    expect(first?.error.message).not.toContain('\n')
    expect(first?.error.cause).toBeUndefined()
    expect(first?.task?.id).toBe(call.id)
    await using inspector = new Inspector(folder)
    await afterword.close()
    const found = await inspector.find(call.id)
    expect(found).toMatchObject({ state: 'pending', attempt: 2 })
    expect(found?.options).toContain('no luck in attempt 2')
  })

  it('has attempts left after a drain that it fails in', async () => {
    await using afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
    using _reports = new Reports()
    let runs = 0
    const many = Promise.withResolvers<void>()
    const fail = () => {
      if (++runs === 6) setImmediate(many.resolve)
      throw new Error('no luck')
    }
    const Fail = afterword.job('fail', fail, { backoff: hour })
    const call = Fail.defer()
    const drained = afterword.drain({ timeout: 30_000 })
    await many.promise
    await afterword.cancel(call.id)
    await drained
    expect(runs).toBe(6)
  })
})
