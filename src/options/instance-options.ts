import { AfterwordError } from '../errors.ts'
import type { EngineOption } from './engine-option.ts'
import type { JournalOptions } from './journal-options.ts'
import {
  count,
  flag,
  isFunction,
  isNumber,
  isObject,
  isText,
  optional,
  type Rules,
  time,
  validate,
} from './validate.ts'

/**
 * The options of `configure`.
 *
 * @example
 * configure({ journal: 'data/afterword', concurrency: 64, slowTask: 100 })
 */
export interface AfterwordOptions {
  /** The most scopes that may have a task waiting for a promise. @default 256 */
  readonly concurrency?: number
  /** The most tasks that wait in memory for their turn; `overload` says what happens past it. @default 100000 */
  readonly maxBacklog?: number
  /**
   * The longest time in ms that tasks wait for the thread once they are ready to run. From half of it on, `taskShare` grows; past it,
   * `overload` says what happens. A task that waits for its response, a retry, a limit of its job or a place of `concurrency` is not ready.
   * @default 1000
   */
  readonly maxWait?: number
  /**
   * The policy past `maxBacklog` or `maxWait`: `'hold'` holds responses until there is room, so that clients slow down; `'before'` runs the tasks of
   * such a request before its response; past twice `maxBacklog`, `defer` throws `AFTERWORD_OVERLOADED`. `'reject'`: `defer` throws past
   * `maxBacklog` at once.
   * @default 'hold'
   */
  readonly overload?: 'hold' | 'before' | 'reject'
  /**
   * The time in ms for which tasks run in one turn of the event loop, before it looks for requests again. More: fewer turns for the same work;
   * less: a request waits less behind tasks. A single task is never cut short. @default 0.25
   */
  readonly turnBudget?: number
  /**
   * The share of the time that tasks have although requests are waiting; time that requests leave is theirs too. More: the backlog
   * shrinks sooner under load; less: requests feel it less. The share grows while tasks wait for longer than half of `maxWait`.
   * @default 0.05
   */
  readonly taskShare?: number
  /**
   * The folder in which jobs are kept, on a local disk: they survive any end of the process. `sync: 'full'` also survives the end of the
   * machine. @default nowhere, `sync: 'normal'`
   */
  readonly journal?: string | JournalOptions
  /**
   * The engine that keeps jobs: `pgBoss(...)` of `afterword/pg-boss`, `bullmq(...)` of `afterword/bullmq`, `cloudflareQueues(...)` of
   * `afterword/cloudflare-queues`, or one of `defineEngine`. They survive the end of the machine, and run in any process on the engine. With a journal in a folder, that accepts dispatched jobs, which go on to the engine in the
   * background. docs/scaling.md @default none
   */
  readonly engine?: EngineOption
  /**
   * The worker of a process with a journal or an engine runs jobs that any process may run, those of `dispatch`. `false` leaves them to the other
   * processes. @default true
   */
  readonly worker?: boolean | WorkOptions
  /**
   * The longest time in ms for which a response waits for its jobs, to be synced with `sync: 'full'`, or to be taken by the engine: then the
   * jobs are refused, and the response becomes a 503. @default 10000
   */
  readonly holdTimeout?: number
  /** The most bytes of the stored arguments of a job. @default 262144 */
  readonly maxPayload?: number
  /** The time in ms for which a task may keep the event loop busy before it is reported. @default 50 */
  readonly slowTask?: number
  /** The fate of later tasks of a scope when a task did not succeed: they run, or are skipped. @default 'continue' */
  readonly onError?: 'continue' | 'stop'
  /** The longest time of a shutdown, in ms: requests in flight, then tasks. @default 10000 */
  readonly shutdownTimeout?: number
  /** Shut down on SIGTERM, SIGINT, SIGHUP and SIGQUIT, as soon as there is something to lose: docs/shutdown.md. @default true */
  readonly signals?: boolean
  /** The time in ms after which a response that was never sent is reported and its tasks run. @default 600000 */
  readonly maxRequestAge?: number
}

/**
 * The options of `work`.
 *
 * @example
 * instance().work({ jobs: ['render'], concurrency: 2 })
 */
export interface WorkOptions {
  /** Run these jobs only; records of dead processes run in any case. @default all that are defined here */
  readonly jobs?: readonly string[]
  /** The most claims that this process has at once. @default 64 */
  readonly concurrency?: number
}

/**
 * The options of `drain`.
 *
 * @example
 * const { left } = await instance().drain({ timeout: 5_000 })
 */
export interface DrainOptions {
  /** The longest time of the drain, in ms. @default shutdownTimeout */
  readonly timeout?: number
}

export type AfterwordSettings = Required<AfterwordOptions>

const afterwordRules: Rules<AfterwordOptions> = {
  concurrency: count(256, 1),
  maxBacklog: count(100_000, 1),
  maxWait: {
    default: 1000,
    expected: 'a number of milliseconds above 0',
    accepts: isPositive,
  },
  overload: {
    default: 'hold',
    expected: "'hold', 'before' or 'reject'",
    accepts: (value) => value === 'hold' || value === 'before' || value === 'reject',
  },
  turnBudget: time(0.25),
  taskShare: {
    default: 0.05,
    expected: 'a number above 0, up to 1',
    accepts: (value) => isNumber(value) && value > 0 && value <= 1,
  },
  slowTask: time(50),
  journal: optional(
    'the path of a folder, or { path or database, sync, retention, required, encrypt }',
    (value) => isText(value) || isObject(value),
  ),
  engine: optional('an engine, such as pgBoss({ connectionString })', isEngine),
  worker: {
    default: true,
    expected: 'true, false or { jobs, concurrency }',
    accepts: (value) => typeof value === 'boolean' || isObject(value),
  },
  holdTimeout: { ...time(10_000), expected: 'a number of milliseconds above 0', accepts: isPositive },
  maxPayload: count(256 * 1024, 1),
  onError: {
    default: 'continue',
    expected: "'continue' or 'stop'",
    accepts: (value) => value === 'continue' || value === 'stop',
  },
  shutdownTimeout: time(10_000),
  signals: flag(true),
  maxRequestAge: time(600_000),
}

const workRules: Rules<WorkOptions> = {
  jobs: optional('a list of names of jobs', (value) => Array.isArray(value) && value.every(isText)),
  concurrency: count(64, 1),
}

function isPositive(value: unknown): boolean {
  return isNumber(value) && value > 0
}

function isEngine(value: unknown): boolean {
  return isObject(value) && isFunction((value as Partial<EngineOption>).open)
}

export function validateAfterword(given: AfterwordOptions): AfterwordSettings {
  const settings = validate('configure', afterwordRules, given)
  const { engine, journal } = settings
  if (engine !== undefined && typeof journal === 'object' && journal.database !== undefined) {
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
      'configure',
      'engine',
      'left out where the journal is in a database, or given with a folder',
      'both',
    ])
  }
  return settings
}

export function validateDrain(given: DrainOptions, most: number, place = 'drain'): Required<DrainOptions> {
  return validate(place, { timeout: time(most) }, given)
}

export function validateWork(place: string, given: WorkOptions): Required<WorkOptions> {
  return validate(place, workRules, given)
}
