import type { AfterwordOptions } from '../options/instance-options.ts'

/**
 * Sets up the process, from `instrumentation.ts`: `export { register } from 'afterword/next'`. Then `defer` and the like work in route
 * handlers, server actions, server components and the proxy, and Next's `after` has limits, a drain and reports.
 * Options are those of `configure`.
 * @throws AfterwordError `AFTERWORD_ALREADY_STARTED`, `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * // instrumentation.ts
 * import { register as setUp } from 'afterword/next'
 *
 * export const register = () => setUp({ journal: 'data/afterword' })
 */
export async function register(options?: AfterwordOptions): Promise<void> {
  // Next compiles this for the edge runtime as well, where it puts the value in: nothing of the import is then left.
  if (process.env.NEXT_RUNTIME !== 'edge') {
    await import('./auto.ts')
    const { registerServer } = await import('./next/next-server.ts')
    await registerServer(options)
  }
}
