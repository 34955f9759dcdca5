import { AsyncLocalStorage } from 'node:async_hooks'
import { job } from 'afterword'

/** A job of routes, pages and `instrumentation.ts`: Next evaluates this file in each of their bundles. */
export const Keep = job('keep', (_text: string) => {})

const made = globalThis as { outside?: ReturnType<typeof AsyncLocalStorage.snapshot> }
made.outside ??= AsyncLocalStorage.snapshot()
/** Calls a function as code of no request: `instrumentation.ts` evaluates this file before there is one. */
export const outside = made.outside
