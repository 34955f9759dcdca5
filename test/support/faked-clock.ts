// Stands for `src/clock.ts` in tests that let time pass as they need it: `vi.mock('../../src/clock.ts', () => import('../support/faked-clock.ts'))`.
// What the runner has put in place of the globals is then the clock of the source.
type Globals = Pick<
  typeof globalThis,
  'setTimeout' | 'setInterval' | 'setImmediate' | 'clearTimeout' | 'clearInterval' | 'queueMicrotask'
>

const called =
  (name: keyof Globals) =>
  (...args: unknown[]) =>
    (globalThis[name] as (...args: unknown[]) => unknown)(...args)

export const setTimeout = called('setTimeout')
export const setInterval = called('setInterval')
export const setImmediate = called('setImmediate')
export const clearTimeout = called('clearTimeout')
export const clearInterval = called('clearInterval')
export const queueMicrotask = called('queueMicrotask')
export const clock = { now: () => performance.now(), date: () => Date.now() }
export const nextTick: typeof process.nextTick = (fn, ...args) => process.nextTick(fn, ...args)
