import { inOneLine } from './control-characters.ts'
import { errorText } from './error-text.ts'
import type { AfterwordError } from './errors.ts'
import { subscribe } from './events.ts'
import { type LogOptions, type LogShape, validateLog } from './options/log-options.ts'
import { printedCause } from './printed-error.ts'
import { ReportLimit } from './report-limit.ts'
import { knownPlace } from './schedule/defer-places.ts'
import type { Outcome } from './task/outcome.ts'
import type { Task } from './task/task.ts'

/**
 * A logger in the shape of pino: the fields come first. bunyan and the loggers of Fastify have it, too.
 *
 * @example
 * const logger: PinoLike = pino()
 */
export interface PinoLike {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}

/**
 * A logger in the shape of winston: the level comes first.
 *
 * @example
 * const logger: WinstonLike = winston.createLogger({ transports: [new winston.transports.Console()] })
 */
export interface WinstonLike {
  log(level: string, message: string, fields: object): unknown
}

/**
 * A logger in the shape of `console`: each line is one text.
 *
 * @example
 * const logger: ConsoleLike = console
 */
export interface ConsoleLike {
  error(line: string): void
  warn(line: string): void
}

type Level = 'error' | 'warn'

/** A line of the log. */
interface Line {
  readonly level: Level
  readonly message: string
  /** The error as it is; a list of one, for an app may throw `undefined`. */
  readonly error?: readonly [error: unknown]
  readonly cause?: readonly [cause: unknown]
  readonly fields: Fields
}

/** The fields of a line; a field that is not known is left out. */
interface Fields {
  readonly code: string
  readonly task?: string
  readonly id?: string
  readonly attempt?: number
  /** The time in ms until the next attempt. */
  readonly retryIn?: number
  readonly method?: string
  readonly path?: string
  /** The place where the task was deferred. */
  readonly place?: string
}

/** Codes that tell of no loss. */
const warnings = new Set<string>(['AFTERWORD_SLOW_TASK', 'AFTERWORD_STALLED', 'AFTERWORD_NO_SCOPE'])

/**
 * Logs what goes wrong: a line for each report, for each attempt that is tried again, and for each call that another process has left by its end, with the name of the task, its attempt, its request, and the
 * place where it was deferred. Of each code and name, five lines within 10 s, then the number of those that were left out. Nothing is
 * printed to stderr meanwhile.
 *
 * @returns a function that ends the logging
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION`, `AFTERWORD_UNKNOWN_OPTION`
 *
 * @example
 * logTo(pino())
 */
export function logTo(logger: PinoLike | WinstonLike | ConsoleLike, options: LogOptions = {}): () => void {
  const { shape } = validateLog(logger, options)
  const write = writers[shape](logger as never)
  const limit = new ReportLimit((message) => write({ level: 'warn', message, fields: { code: 'AFTERWORD_LEFT_OUT' } }))
  const log = (line: Line) => {
    const { code, task } = line.fields
    if (limit.admits(task === undefined ? code : `${code} of ${inOneLine(JSON.stringify(task))}`)) write(line)
  }
  const ends = [
    subscribe('report', ({ error, task, place }) => {
      // Each attempt that is tried again has a line of its own.
      if (error.code !== 'AFTERWORD_TASK_RETRIED') log(reported(error, task, place))
    }),
    subscribe('task:retrying', ({ task, outcome, delay }) => {
      // A batch fails for many items at once: its report tells of those that are lost.
      if (!task.definition.buffer?.runsTasks) log(retried(task, outcome, delay))
    }),
    subscribe('task:recovered', ({ task }) => log(recovered(task))),
  ]
  return () => {
    for (const end of ends) end()
    limit.close()
  }
}

function reported(error: AfterwordError, task: Task | undefined, place: string | undefined): Line {
  const level = warnings.has(error.code) ? 'warn' : 'error'
  // The place of a job or a batch is known by its name, also once the task has ended.
  const isNamed = task?.definition.label !== undefined
  const fields = fieldsOf(error.code, task, place ?? (isNamed ? knownPlace(task) : undefined))
  return { level, message: error.message, error: [error], ...('cause' in error && { cause: [error.cause] }), fields }
}

function retried(task: Task, outcome: Outcome, delay: number): Line {
  const retryIn = Math.ceil(delay)
  const error: Pick<Line, 'error' | 'cause'> =
    outcome.status === 'failed' ? { error: [outcome.error], cause: [outcome.error] } : {}
  const why = outcome.status === 'timed-out' ? `did not end within ${outcome.after} ms` : 'failed'
  const message = `The task ${task.title} ${why} in attempt ${task.attempt}, and is tried again in ${retryIn} ms.`
  const fields = { ...fieldsOf('AFTERWORD_TASK_RETRIED', task, knownPlace(task)), retryIn }
  return { level: 'warn', message, ...error, fields }
}

function recovered(task: Task): Line {
  const { attempt: _, ...fields } = fieldsOf('AFTERWORD_RECOVERED', task, undefined)
  return {
    level: 'warn',
    message: `The task ${task.title} was left by a process that has ended, and runs here.`,
    fields,
  }
}

function fieldsOf(code: string, task: Task | undefined, place: string | undefined): Fields {
  if (task === undefined) return { code }
  const { name, id, attempt } = task
  const { method, path } = task.scope.response ?? {}
  const request = method === undefined || path === undefined ? {} : { method, path }
  return { code, task: name, id, attempt, ...request, ...(place !== undefined && { place }) }
}

/** The writers of a line, by the shape of the logger. */
const writers = {
  pino: (logger: PinoLike) => (line: Line) => {
    const { level, message, error, fields } = line
    logger[level](error === undefined ? fields : { ...fields, err: error[0] }, message)
  },
  // The formats of winston print no error that is a field.
  winston: (logger: WinstonLike) => (line: Line) => {
    const { level, message, cause, fields } = line
    logger.log(level, message, cause === undefined ? fields : { ...fields, stack: errorText(cause[0]) })
  },
  console: (logger: ConsoleLike) => (line: Line) => logger[line.level](textOf(line)),
} satisfies Record<LogShape, unknown>

function textOf({ message, cause, fields }: Line): string {
  const { code, method, path, place } = fields
  const request = method === undefined ? '' : ` (${method} ${path})`
  const deferred = place === undefined ? '' : ` The task was deferred at ${place}.`
  const line = inOneLine(`${code}${request}: ${message}${deferred}`)
  return cause === undefined ? line : `${line} ${printedCause(cause[0])}`
}
