import { AfterwordError, describe } from '../errors.ts'
import { isFunction, isObject, optional, type Rules, validate } from './validate.ts'

/** The shapes of loggers. */
export type LogShape = 'pino' | 'winston' | 'console'

/**
 * The options of `logTo`.
 *
 * @example
 * logTo(logger, { shape: 'pino' })
 */
export interface LogOptions {
  /**
   * The way in which the logger is called: `error(fields, message)`, `log(level, message, fields)` or `error(line)`.
   * @default that of the logger, as far as can be told
   */
  readonly shape?: LogShape
}

/** The methods that a logger of each shape has. */
const methods: Readonly<Record<LogShape, readonly string[]>> = {
  // The loggers of winston have `child` as well.
  winston: ['log', 'configure'],
  pino: ['error', 'warn', 'child'],
  console: ['error', 'warn'],
}
const shapes = Object.keys(methods) as LogShape[]

const rules: Rules<LogOptions> = {
  shape: optional("'pino', 'winston' or 'console'", (value) => shapes.includes(value as LogShape)),
}

export function validateLog(logger: object, given: LogOptions): Required<LogOptions> {
  const { shape } = validate('logTo', rules, given) as LogOptions
  const has = (name: string) => isFunction((logger as Record<string, unknown>)[name])
  const found = isObject(logger) ? (shape ?? shapes.find((each) => methods[each].every(has))) : undefined
  const called = found === 'winston' ? ['log'] : ['error', 'warn']
  if (found !== undefined && called.every(has)) return { shape: found }
  throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
    'logTo',
    'the logger',
    `a logger in the shape of ${shape ?? 'pino, winston or console'}`,
    describe(logger),
  ])
}
