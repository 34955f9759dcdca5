import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

vi.mock('../../src/clock.ts', () => import('../support/faked-clock.ts'))

const day = 24 * 3_600_000
const faked = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] as const

// A month does not pass in a test: the clock is Vitest's, from before the module is loaded.
beforeEach(() => {
  vi.useFakeTimers({ toFake: [...faked] })
  vi.resetModules()
})
afterEach(() => void vi.useRealTimers())

const timers = () => import('../../src/timers.ts')

describe('setTimer', () => {
  it.each([
    ['a timer of the host', 2 ** 31 - 1],
    ['one ms more', 2 ** 31],
    ['60 days', 60 * day],
    ['400 days', 400 * day],
  ])('calls the function once, after the whole time: %s', async (_title, ms) => {
    const { setTimer } = await timers()
    const fn = vi.fn()
    setTimer(fn, ms)
    vi.advanceTimersByTime(ms - 1)
    expect(fn).not.toHaveBeenCalled()
    // Equal parts are rounded up, by a millisecond each.
    vi.advanceTimersByTime(20)
    expect(fn).toHaveBeenCalledOnce()
    vi.advanceTimersByTime(500 * day)
    expect(fn).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is ended by clearTimeout, in any of its parts', async () => {
    const { setTimer } = await timers()
    const fn = vi.fn()
    const timer = setTimer(fn, 60 * day)
    vi.advanceTimersByTime(40 * day)
    clearTimeout(timer)
    vi.advanceTimersByTime(60 * day)
    expect(fn).not.toHaveBeenCalled()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes Infinity for a hundred years', async () => {
    const { setTimer, longestTime } = await timers()
    const fn = vi.fn()
    const timer = setTimer(fn, Number.POSITIVE_INFINITY)
    vi.advanceTimersByTime(30 * day)
    expect(fn).not.toHaveBeenCalled()
    clearTimeout(timer)
    expect(longestTime).toBe(36_500 * day)
  })
})

describe('times beyond 24.8 days', () => {
  it.each([
    ['Retry.after', {}],
    ['a fixed backoff', { backoff: 60 * day }],
    ['a function as backoff', { backoff: () => 60 * day }],
    ['an exponential backoff', { backoff: { base: 1, factor: 1e30, max: Number.POSITIVE_INFINITY } }],
  ])('retryDelay gives the whole time: %s', async (title, { backoff = {} }: { backoff?: object | number }) => {
    const { Retry, retryDelay } = await import('../../src/task/retry.ts')
    const error = title === 'Retry.after' ? Retry.after(60 * day) : new Error('no')
    const delay = retryDelay({ retries: 5, backoff: backoff as never }, { attempt: 2, error, isKept: true }, () => 1)
    expect(delay).toBe(title === 'an exponential backoff' ? 36_500 * day : 60 * day)
  })

  it.each(['timeout', 'shutdownTimeout', 'retention'])('an option of the app is not cut: %s', async (name) => {
    const { time, validate } = await import('../../src/options/validate.ts')
    expect(validate('options', { [name]: time(1) }, { [name]: 60 * day })).toEqual({ [name]: 60 * day })
  })
})

describe('job({ rate })', () => {
  it('holds over a month, by timers that the host can have', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    const { Afterword } = await import('../../src/index.ts')
    const afterword = new Afterword()
    const ran: number[] = []
    const News = afterword.job('news', () => ran.push(Date.now()), { rate: { runs: 1, per: 30 * day } })
    const began = Date.now()
    const calls = [News.defer(), News.defer()]
    await calls[0]?.outcome
    vi.advanceTimersByTime(29 * day)
    await new Promise(setImmediate)
    expect(ran).toEqual([began])
    vi.advanceTimersByTime(2 * day)
    await calls[1]?.outcome
    expect(ran).toHaveLength(2)
    expect(ran[1]! - began).toBeGreaterThanOrEqual(30 * day)
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
  })
})
