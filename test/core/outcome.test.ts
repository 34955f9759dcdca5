import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { Afterword, currentTask, type Outcome, Retry, subscribe } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

const boom = new Error('boom')

/** The failures of a task, each with the error that the outcome carries. */
const failures: Record<string, [fn: () => unknown, error: unknown]> = {
  'a throw': [
    () => {
      throw boom
    },
    boom,
  ],
  'a throw of undefined': [
    () => {
      throw undefined
    },
    undefined,
  ],
  'a rejection': [() => Promise.reject(boom), boom],
  'a rejection with undefined': [() => Promise.reject(), undefined],
  'a thenable that throws': [
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then() {
        throw boom
      },
    }),
    boom,
  ],
  'a then that throws when it is read': [
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      get then() {
        throw boom
      },
    }),
    boom,
  ],
  'a thenable that settles twice, then throws': [
    () => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then(_resolve: unknown, reject: (error: unknown) => void) {
        reject(boom)
        reject(new Error('second'))
        throw new Error('third')
      },
    }),
    boom,
  ],
}

describe('a task that fails', () => {
  it.each(Object.entries(failures))('reports %s once, and the next task runs', async (_name, [fn, error]) => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const failing = afterword.defer(fn)
    const next = afterword.defer(() => 'next')
    expect(await failing.outcome).toEqual({ status: 'failed', error })
    expect(await next.outcome).toEqual({ status: 'done', value: 'next' })
    await afterword.drain()
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
    expect(reports.all[0]?.error.cause).toBe(error)
    expect(reports.all[0]?.task?.id).toBe(failing.id)
  })

  it.each(Object.entries(failures))('reports %s of onSent() and waitUntil()', async (_name, [fn]) => {
    await using afterword = new Afterword()
    using reports = new Reports()
    afterword.onSent(fn)
    afterword.waitUntil(new Promise((resolve) => resolve(fn() as PromiseLike<unknown>)))
    await afterword.drain()
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED', 'AFTERWORD_TASK_FAILED'])
  })

  it('survives a report listener that throws', async () => {
    await using afterword = new Afterword()
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const stops = (['task:deferred', 'task:started', 'task:ended', 'report'] as const).map((event) =>
      subscribe(event, () => {
        throw boom
      }),
    )
    const outcomes = [afterword.defer(() => 'fine').outcome, afterword.defer(() => Promise.reject(boom)).outcome]
    expect(await Promise.all(outcomes)).toEqual([
      { status: 'done', value: 'fine' },
      { status: 'failed', error: boom },
    ])
    for (const stop of stops) stop()
    const codes = new Set(printed.mock.calls.map(([line]) => String(line).split(':')[0]))
    expect([...codes]).toEqual(['AFTERWORD_CALLBACK_FAILED'])
    printed.mockRestore()
  })
})

describe('timeout', () => {
  const never = () => new Promise<never>(() => {})

  it('aborts the signal, reports, and lets the scope move on', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const reasons: unknown[] = []
    const { scope, outcomes } = inOneScope(afterword, () => [
      afterword.defer.with({ timeout: 10, name: 'slow' })(() => {
        const { signal } = afterword.currentTask() as { signal: AbortSignal }
        signal.addEventListener('abort', () => void reasons.push(signal.reason))
        return never()
      }).outcome,
      afterword.defer(() => 'next').outcome,
    ])
    scope()
    expect(await outcomes).toEqual([
      { status: 'timed-out', after: 10 },
      { status: 'done', value: 'next' },
    ])
    expect(reasons).toEqual([expect.objectContaining({ code: 'AFTERWORD_TASK_TIMED_OUT' })])
    expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT'])
  })

  it('shows an aborted signal to code that asks late', async () => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    const asked = Promise.withResolvers<boolean>()
    const goOn = Promise.withResolvers<void>()
    const deferred = afterword.defer.with({ timeout: 10 })(async () => {
      await goOn.promise
      asked.resolve(afterword.currentTask()?.signal.aborted ?? false)
    })
    await deferred.outcome
    goOn.resolve()
    expect(await asked.promise).toBe(true)
  })

  it('frees the place of a task that ignores its signal, and does not hold drain()', async () => {
    await using afterword = new Afterword({ concurrency: 1 })
    using _reports = new Reports()
    const stuck = afterword.defer.with({ timeout: 10 })(never)
    const next = afterword.defer(() => 'next')
    expect(await afterword.drain()).toEqual({ done: 1, failed: 1, left: [] })
    expect(await stuck.outcome).toEqual({ status: 'timed-out', after: 10 })
    expect(await next.outcome).toEqual({ status: 'done', value: 'next' })
  })

  it('reports a later rejection once, and keeps the outcome', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const late = Promise.withResolvers<never>()
    const deferred = afterword.defer.with({ timeout: 10 })(() => late.promise)
    await deferred.outcome
    late.reject(boom)
    await new Promise(setImmediate)
    expect(await deferred.outcome).toEqual({ status: 'timed-out', after: 10 })
    expect(reports.codes).toEqual(['AFTERWORD_TASK_TIMED_OUT', 'AFTERWORD_LATE_REJECTION'])
  })
})

describe('retries', () => {
  it('run a failing task again until it succeeds, with its attempt', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const attempts: (number | undefined)[] = []
    const deferred = afterword.defer.with({ retries: 3, backoff: 0 })(() => {
      attempts.push(afterword.currentTask()?.attempt)
      if (attempts.length < 3) throw boom
      return 'at last'
    })
    expect(await deferred.outcome).toEqual({ status: 'done', value: 'at last' })
    expect(attempts).toEqual([1, 2, 3])
    expect(reports.codes).toEqual([])
  })

  it('give up after their number', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    let runs = 0
    const fail = () => {
      runs++
      throw boom
    }
    expect(await afterword.defer.with({ retries: 2, backoff: 0 })(fail).outcome).toMatchObject({ status: 'failed' })
    expect(runs).toBe(3)
    expect(await afterword.defer(fail).outcome).toMatchObject({ status: 'failed' })
    expect(runs).toBe(4)
    expect(await afterword.job('fail', fail, { backoff: 0 }).defer().outcome).toMatchObject({ status: 'failed' })
    expect(runs).toBe(4 + 6)
    expect(reports.codes).toEqual(Array(3).fill('AFTERWORD_TASK_FAILED'))
  })

  it('let the scope move on while a task waits for its retry', async () => {
    await using afterword = new Afterword()
    const log: string[] = []
    const second = Promise.withResolvers<void>()
    const { scope, outcomes } = inOneScope(afterword, () => [
      afterword.defer.with({ retries: 1, backoff: 1_000_000 })(() => {
        log.push(`first, attempt ${afterword.currentTask()?.attempt}`)
        if (log.length === 1) throw boom
      }).outcome,
      afterword.defer(() => {
        log.push('second')
        second.resolve()
      }).outcome,
    ])
    scope()
    await second.promise
    // Runs the retry at once.
    await afterword.drain()
    await outcomes
    expect(log).toEqual(['first, attempt 1', 'second', 'first, attempt 2'])
  })

  it('run at once during drain()', async () => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    const failed = Promise.withResolvers<void>()
    let runs = 0
    afterword.defer.with({ retries: 2, backoff: 1_000_000 })(() => {
      runs++
      failed.resolve()
      throw boom
    })
    await failed.promise
    await new Promise(setImmediate)
    expect(await afterword.drain()).toEqual({ done: 0, failed: 1, left: [] })
    expect(runs).toBe(3)
  })

  it('can be cancelled while they wait', async () => {
    await using afterword = new Afterword()
    const failed = Promise.withResolvers<void>()
    const deferred = afterword.defer.with({ retries: 2, backoff: 1_000_000 })(() => {
      failed.resolve()
      throw boom
    })
    await failed.promise
    await new Promise(setImmediate)
    expect(deferred.cancel()).toBe(true)
    expect(await deferred.outcome).toEqual({ status: 'cancelled', reason: 'cancel' })
    expect(afterword.status()).toMatchObject({ backlog: 0, running: 0 })
  })

  it('survive a backoff function that throws', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const backoff = () => {
      throw new Error('no delay')
    }
    const deferred = afterword.defer.with({ retries: 2, backoff })(() => Promise.reject(boom))
    expect(await deferred.outcome).toEqual({ status: 'failed', error: boom })
    expect(reports.codes).toEqual(['AFTERWORD_CALLBACK_FAILED', 'AFTERWORD_TASK_FAILED'])
  })
})

/** Tasks of one scope outside a request: deferred by a first one. */
function inOneScope(afterword: Afterword, defers: () => Promise<Outcome>[]) {
  const inner = Promise.withResolvers<Outcome[]>()
  const scope = () => afterword.defer(() => void Promise.all(defers()).then(inner.resolve))
  return { scope, outcomes: inner.promise }
}

it('currentTask() is undefined outside a task', () => {
  expect(currentTask()).toBeUndefined()
})

describe('Retry', () => {
  it('after(ms) sets the delay, as long as attempts are left', async () => {
    await using afterword = new Afterword()
    using reports = new Reports()
    const delays: number[] = []
    using _listening = { [Symbol.dispose]: subscribe('task:retrying', ({ delay }) => void delays.push(delay)) }
    const task = afterword.defer.with({ retries: 2, backoff: 60_000 })(() => {
      throw Retry.after(1, { cause: new Error('429') })
    })
    expect(await task.outcome).toMatchObject({
      status: 'failed',
      error: { name: 'Retry', message: 'Try again in 1 ms' },
    })
    expect(delays).toEqual([1, 1])
    expect(reports.codes).toEqual(['AFTERWORD_TASK_FAILED'])
  })

  it('is shown like other errors', () => {
    for (const retry of [Retry.never('The account is gone'), Retry.after(5)])
      expect(inspect(retry).replace(retry.stack ?? '', '')).toBe('')
  })

  it('never() ends the retries', async () => {
    await using afterword = new Afterword()
    using _reports = new Reports()
    let runs = 0
    const task = afterword.defer.with({ retries: 5 })(async () => {
      runs++
      throw Retry.never('no such user')
    })
    expect(await task.outcome).toMatchObject({ status: 'failed', error: { message: 'no such user' } })
    expect(runs).toBe(1)
  })
})
