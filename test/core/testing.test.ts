import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Afterword, currentTask, defer, job } from '../../src/index.ts'
import { flush, record, runInline } from '../../src/testing/index.ts'
import { Reports } from '../support/reports.ts'

const sent: string[] = []
const SendWelcome = job('send-welcome', async (to: string) => void sent.push(to))
afterEach(() => void (sent.length = 0))

/** Application code that defers, as a user would test it. */
function signUp(email: string) {
  SendWelcome.defer(email)
  defer.with({ when: 'success' })(function count() {
    sent.push(`counted ${currentTask()?.request?.status}`)
  })
  return { email }
}

describe('flush()', () => {
  it('waits until every task has ended', async () => {
    signUp('a@b.c')
    expect(await flush()).toEqual({ done: 2, failed: 0, left: [] })
    expect(sent).toContain('a@b.c')
  })

  it('throws with the names of tasks that have not ended', async () => {
    const work = Promise.withResolvers<void>()
    defer(function stuck() {
      return work.promise
    })
    await expect(flush(20)).rejects.toThrow(/^Not ended within 20 ms: "stuck" \(/)
    work.resolve()
    await flush()
  })

  it('refuses a time that is none, by its own name', async () => {
    await expect(flush({ timeout: 300 } as never)).rejects.toMatchObject({
      code: 'AFTERWORD_INVALID_OPTION',
      message: 'flush: expected timeout to be a number of milliseconds, 0 or more, got an object. Correct the value.',
    })
  })
})

describe('record()', () => {
  it('lists the tasks that were deferred, and their outcomes', async () => {
    using reports = new Reports()
    using deferred = record()
    signUp('a@b.c')
    defer(function fail() {
      throw new Error('boom')
    })
    expect(deferred.tasks.map(({ name, args, outcome }) => ({ name, args, outcome }))).toEqual([
      { name: 'send-welcome', args: ['a@b.c'], outcome: undefined },
      { name: 'count', args: [], outcome: undefined },
      { name: 'fail', args: [], outcome: undefined },
    ])
    await flush()
    expect(deferred.tasks.map(({ outcome }) => outcome?.status)).toEqual(['done', 'done', 'failed'])
    expect(deferred.named('send-welcome')).toHaveLength(1)
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
  })

  it('lists each dispatch once: one that is delayed, one that waits for another process, one that runs here', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-record-'))
    using deferred = record()
    {
      await using afterword = new Afterword({ journal: folder, worker: { concurrency: 1 } })
      const ran = Promise.withResolvers<void>()
      const Here = afterword.job('here', (_n: number) => {})
      const Soon = afterword.job('soon', (_n: number) => ran.resolve(), { delay: 1 })
      await Here.dispatch(1)
      await Promise.all([Here.with({ delay: 3_600_000 }).dispatch(2), Soon.dispatch(3)])
      await ran.promise
    }
    {
      await using others = new Afterword({ journal: folder, worker: false })
      await others.job('elsewhere', (_n: number) => {}).dispatch(4)
    }
    rmSync(folder, { recursive: true })
    expect(deferred.tasks.map(({ name, args, outcome }) => [name, args, outcome?.status])).toEqual([
      ['here', [1], 'done'],
      ['here', [2], undefined],
      ['soon', [3], 'done'],
      ['elsewhere', [4], undefined],
    ])
    expect(new Set(deferred.tasks.map(({ id }) => id)).size).toBe(4)
  })

  it('stops when it is disposed of', async () => {
    const deferred = record()
    deferred[Symbol.dispose]()
    signUp('a@b.c')
    await flush()
    expect(deferred.tasks).toEqual([])
  })
})

describe('runInline()', () => {
  it('runs a function as a handler and then its tasks, in order', async () => {
    expect(await runInline(() => signUp('a@b.c'))).toEqual({
      value: { email: 'a@b.c' },
      outcomes: [
        { status: 'done', value: undefined },
        { status: 'done', value: undefined },
      ],
    })
    expect(sent).toEqual(['a@b.c', 'counted 200'])
  })

  it('takes the response that the tasks see', async () => {
    const { outcomes } = await runInline(async () => signUp('a@b.c'), { status: 404 })
    expect(outcomes).toEqual([
      { status: 'done', value: undefined },
      { status: 'cancelled', reason: 'when' },
    ])
  })

  it('has the outcomes of deferred calls: one that was dispatched is of no request', async () => {
    const Count = job('count', (n: number) => n)
    using deferred = record()
    const { outcomes } = await runInline(async () => {
      Count.defer(1)
      await Count.dispatch(2)
    })
    await flush()
    expect(outcomes).toEqual([{ status: 'done', value: 1 }])
    expect(deferred.tasks.map(({ outcome }) => outcome)).toEqual([
      { status: 'done', value: 1 },
      { status: 'done', value: 2 },
    ])
  })

  it('ends with a task that waits for a faked timer, once that time has come', async () => {
    vi.useFakeTimers()
    try {
      const begun = Promise.withResolvers<void>()
      const running = runInline(() => {
        defer(() => {
          const late = new Promise((resolve) => setTimeout(resolve, 60_000, 'late'))
          begun.resolve()
          return late
        })
      })
      await begun.promise
      await vi.advanceTimersByTimeAsync(60_000)
      expect((await running).outcomes).toEqual([{ status: 'done', value: 'late' }])
    } finally {
      vi.useRealTimers()
    }
  })

  it('refuses a property that no response has, and calls nothing', async () => {
    let calls = 0
    await expect(runInline(() => calls++, { staus: 404 } as never)).rejects.toMatchObject({
      code: 'AFTERWORD_UNKNOWN_OPTION',
      message: 'runInline has no option "staus". Did you mean "status"?',
    })
    expect(calls).toBe(0)
  })
})
