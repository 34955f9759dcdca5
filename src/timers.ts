import { clearInterval, clearTimeout, setInterval, setTimeout } from './clock.ts'

/** The longest timer in ms. Node fires a longer one at once: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestTimer = 2 ** 31 - 1
/** The longest time in ms that counts: a hundred years. `Infinity` stands for that. */
export const longestTime = 100 * 365 * 24 * 3_600_000

/**
 * Calls `fn` in `ms` ms, however long that is. A time that no timer of the host can have is divided into equal parts, which an interval
 * counts: the handle stays the same one, and `clearTimeout` ends it.
 */
export function setTimer(fn: () => void, ms: number): NodeJS.Timeout {
  if (ms <= longestTimer) return setTimeout(fn, ms)
  const time = Math.min(ms, longestTime)
  let parts = Math.ceil(time / longestTimer)
  const timer = setInterval(
    () => {
      if (--parts > 0) return
      clearInterval(timer)
      fn()
    },
    Math.ceil(time / parts),
  )
  return timer
}

/** Resolves in `ms` ms. */
export function waitFor(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimer(resolve, ms))
}

/**
 * Waits for a promise, for a limited time. Rejects as the promise does.
 * @param ms the time in ms
 * @returns whether the promise resolved in time
 */
export function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimer(() => resolve(false), ms)
    promise.then(() => resolve(true), reject).finally(() => clearTimeout(timer))
  })
}
