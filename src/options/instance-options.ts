import type { JournalOptions } from './journal-options.ts'
import { count, flag, isNumber, isObject, isText, optional, type Rules, time, validate } from './validate.ts'

/** What `configure` takes. */
export interface AfterwordOptions {
  /** How many scopes may have a task that waits for a promise. @default 256 */
  readonly concurrency?: number
  /** How many tasks may wait in memory for their turn; what happens past it, `overload` says. @default 100000 */
  readonly maxBacklog?: number
  /**
   * Past `maxBacklog`: `'hold'` keeps responses back until there is room, so that clients slow down; `'before'` runs the tasks of such
   * a request before its response; past twice that, `defer` throws `AFTERWORD_OVERLOADED`. `'reject'`: it throws at once.
   * @default 'hold'
   */
  readonly overload?: 'hold' | 'before' | 'reject'
  /**
   * For how many ms tasks run in one turn of the event loop, before it looks for requests again. More: fewer turns for the same work;
   * less: a request waits less behind tasks. A single task is never cut short. @default 0.25
   */
  readonly turnBudget?: number
  /**
   * Which share of the time tasks have although requests are waiting; whatever is left of the rest is theirs too. More: the backlog
   * shrinks sooner under load; less: requests feel it less. @default 0.05
   */
  readonly taskShare?: number
  /**
   * Keep jobs in this folder, on a local disk: they survive whatever ends the process. `sync: 'full'` also survives the end of the
   * machine. @default nowhere, `sync: 'normal'`
   */
  readonly journal?: string | JournalOptions
  /**
   * With a journal: whether this process runs jobs that any process may run, those of `dispatch`. `false` leaves them to the other
   * processes on the folder. @default true
   */
  readonly worker?: boolean | WorkOptions
  /** How many bytes the stored arguments of a job may have. @default 262144 */
  readonly maxPayload?: number
  /** For how many ms a task may keep the event loop busy before it is reported. @default 50 */
  readonly slowTask?: number
  /** What a task that did not succeed means for the later tasks of its scope: they run, or are skipped. @default 'continue' */
  readonly onError?: 'continue' | 'stop'
  /** How long a shutdown may take, in ms: requests in flight, then tasks. @default 10000 */
  readonly shutdownTimeout?: number
  /** Shut down on SIGTERM and SIGINT, once a server is attached or `work` was called. @default true */
  readonly signals?: boolean
  /** After how many ms a response that was never sent is reported and its tasks run. @default 600000 */
  readonly maxRequestAge?: number
}

/** What `work` takes. */
export interface WorkOptions {
  /** Run these jobs only; what dead processes have left runs in any case. @default all that are defined here */
  readonly jobs?: readonly string[]
  /** How many calls this process takes at once. @default 64 */
  readonly concurrency?: number
}

/** What `drain` takes. */
export interface DrainOptions {
  /** For how many ms at most. @default shutdownTimeout */
  readonly timeout?: number
}

export type AfterwordSettings = Required<AfterwordOptions>

const afterwordRules: Rules<AfterwordOptions> = {
  concurrency: count(256, 1),
  maxBacklog: count(100_000, 1),
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
    'the path of a folder, or { path or database, sync, retention, encrypt }',
    (value) => isText(value) || isObject(value),
  ),
  worker: {
    default: true,
    expected: 'true, false or { jobs, concurrency }',
    accepts: (value) => typeof value === 'boolean' || isObject(value),
  },
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

export function validateAfterword(given: AfterwordOptions): AfterwordSettings {
  return validate('configure', afterwordRules, given)
}

export function validateDrain(given: DrainOptions, shutdownTimeout: number): Required<DrainOptions> {
  return validate('drain', { timeout: time(shutdownTimeout) }, given)
}

export function validateWork(place: string, given: WorkOptions): Required<WorkOptions> {
  return validate(place, workRules, given)
}
