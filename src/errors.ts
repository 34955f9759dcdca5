import { escapeControls } from './control-characters.ts'
import { errorTable } from './error-table.ts'

/**
 * The code of an error or a report: docs/errors.md lists all of them.
 *
 * @example
 * const quiet: ErrorCode[] = ['AFTERWORD_SLOW_TASK']
 * subscribe('report', ({ error }) => quiet.includes(error.code) || console.error(error))
 */
export type ErrorCode = keyof typeof errorTable

/** The errors that become a 503: the call may succeed later. */
const refusals: ReadonlySet<ErrorCode> = new Set([
  'AFTERWORD_OVERLOADED',
  'AFTERWORD_JOURNAL_REFUSED',
  'AFTERWORD_ENGINE_REFUSED',
  'AFTERWORD_CALL_REFUSED',
  'AFTERWORD_FORWARDING_FULL',
])

/**
 * An error of this library, thrown for a wrong call, and reported for trouble after the response. Recognise it by `code`.
 *
 * @example
 * if (error instanceof AfterwordError && error.code === 'AFTERWORD_OVERLOADED') res.status(503).end()
 */
export class AfterwordError extends Error {
  override readonly name = 'AfterwordError'
  readonly code: ErrorCode
  /** The status for error handlers of web frameworks: 503 when the backlog is full, or the journal or the engine refuses. */
  declare readonly status?: number
  /** The status under the name that Fastify reads. */
  declare readonly statusCode?: number
  /** The message is not for clients. By this property Nest 12 knows that an error has a status. */
  declare readonly expose?: boolean
  /** Headers that belong to `status`. */
  declare readonly headers?: Readonly<Record<string, string>>

  constructor(code: ErrorCode, values: readonly unknown[] = [], options?: ErrorOptions) {
    const { happened, next } = errorTable[code]
    const rest = values.values()
    super(
      `${happened} ${next}`.replaceAll('%s', () => escapeControls(String(rest.next().value))),
      options,
    )
    this.code = code
    if (refusals.has(code)) {
      this.status = this.statusCode = 503
      this.expose = false
      this.headers = { 'retry-after': '1' }
    }
  }
}

/** Describes a value for a message: shortly, and without running code of the value. */
export function describe(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  if (typeof value === 'object') return 'an object'
  return typeof value === 'bigint' ? `${value}n` : String(value)
}
