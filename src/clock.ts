import { hasNodeStreams, isolatesRequests } from './platform.ts'

// Tests replace the timers and the clock of the process by fake ones, which stand still: tasks that wait for those would never run. Here are the
// real ones, as they are when this module is loaded; a house test keeps all other files from using the globals.

/** The timers of the host. Node's are those of their module: a test runner may have replaced the globals before it loads anything. */
const ofNode = hasNodeStreams && !isolatesRequests ? process.getBuiltinModule('node:timers') : undefined

export const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval } = ofNode ?? globalThis
export const { queueMicrotask } = globalThis

/** The two clocks, in ms. */
export const clock = {
  /** Counts from the start of the process, and never goes back: `performance.now()`. */
  now: performance.now.bind(performance),
  /** Counts from 1970, as the system says: `Date.now()`. */
  date: Date.now,
} as const

/** Calls a function with its arguments before anything else that waits. Only `node:http` needs it. */
export const nextTick: typeof process.nextTick = globalThis.process?.nextTick?.bind(process)
