import { job } from 'afterword'

/** A job of routes, pages and `instrumentation.ts`: Next evaluates this file in each of their bundles. */
export const Keep = job('keep', (_text: string) => {})
