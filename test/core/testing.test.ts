import { afterEach, describe, expect, it } from 'vitest'
import { currentTask, defer, job } from '../../src/index.ts'
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
})
