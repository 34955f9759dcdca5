import { setTimeout as pause } from 'node:timers/promises'

/** The time in ms that each step of an end has at least, however little is left. */
const leastForStep = 2000

/** Waits for a promise. @param until by `performance.now()` @returns whether it resolved in time */
export async function inTime(until: number, promise: Promise<unknown>): Promise<boolean> {
  const stop = new AbortController()
  const late = pause(Math.max(leastForStep, until - performance.now()), false, { signal: stop.signal })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    stop.abort()
    late.catch(() => {})
  }
}
