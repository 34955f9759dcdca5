import type { Gathering } from './batch.ts'
import { AfterwordError, describe } from './errors.ts'
import type { Limit } from './limit.ts'
import type { Backoff } from './retry.ts'
import type { SentResponse } from './scope.ts'

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
  /** How many bytes the stored arguments of a job may have. @default 262144 */
  readonly maxPayload?: number
  /** For how many ms a task may keep the event loop busy before it is reported. @default 50 */
  readonly slowTask?: number
  /** What a task that did not succeed means for the later tasks of its scope: they run, or are skipped. @default 'continue' */
  readonly onError?: 'continue' | 'stop'
  /** How long a shutdown may take, in ms: requests in flight, then tasks. @default 10000 */
  readonly shutdownTimeout?: number
  /** Shut down on SIGTERM and SIGINT, once a server is attached. @default true */
  readonly signals?: boolean
  /** After how many ms a response that was never sent is reported and its tasks run. @default 600000 */
  readonly maxRequestAge?: number
}

export interface JournalOptions {
  /** The folder. Processes on one machine may share it. */
  readonly path: string
  /** `'full'`: each record is synced to the disk before its response leaves. @default 'normal' */
  readonly sync?: 'normal' | 'full'
  /** For how many ms what has failed stays listed. @default 604800000, seven days */
  readonly retention?: number
}

/** What `defer.with` and `job` take. */
export interface TaskOptions {
  /** For people. In one scope a second task of the same name replaces the first. @default the job's or function's name */
  readonly name?: string
  /** `'success'`: only if the response was delivered with a status below 400. Tasks outside a request always run. @default 'always' */
  readonly when?: 'always' | 'success' | ((response: SentResponse) => boolean)
  /** After how many ms the signal aborts and the scope moves on; `Infinity` for the longest timer, 24.8 days. @default 30000 */
  readonly timeout?: number
  /** How often a task that failed or timed out is run again. @default 0, for jobs 5 */
  readonly retries?: number
  /** How long to wait before running it again. @default exponential with full jitter, 1 s to 60 s */
  readonly backoff?: Backoff
  /** Run on the next turn in a scope of its own, without waiting for the response: for streams that stay open. @default false */
  readonly now?: boolean
}

/** What a call of a job may have. */
export interface CallOptions extends TaskOptions {
  /** `dispatch` only, and with a journal: not before so many ms have passed, in whichever process. @default 0 */
  readonly delay?: number
}

/** What a job may have besides. Its limits hold for all calls of the job in this process. */
export interface JobOptions extends CallOptions {
  /** How many runs of this job may go on at once. @default without limit, in threads as many as there are */
  readonly concurrency?: number
  /** How many runs of this job may begin within a time. @default without limit */
  readonly rate?: Rate
  /** Keep its calls in the journal, if there is one. @default true */
  readonly keep?: boolean
}

/** So many runs may begin within any `per` ms. */
export interface Rate {
  readonly runs: number
  readonly per: number
}

/** What `batch` takes; the others are those of each item, `timeout` that of a run. */
export interface BatchOptions extends Omit<TaskOptions, 'name' | 'now'> {
  /** So many items are run at once, even if none of them is old. @default 100 */
  readonly size?: number
  /** No item waits longer for others, in ms. @default 1000 */
  readonly within?: number
}

/** Task options with every default in place; made once for each `defer.with` or job, not for each call. */
export interface TaskSettings extends Readonly<Required<Omit<TaskOptions, 'name'>>> {
  readonly name: string | undefined
  /** How the task is called where it has no `name`: the job's name. */
  readonly label: string | undefined
  /** Of the job that the task belongs to. */
  readonly limit?: Limit | undefined
  /** Where the task waits for others of its batch. */
  readonly gathering?: Gathering | undefined
  /** Its calls are kept in the journal, if there is one. */
  readonly keep?: boolean
  /** In ms, for `dispatch`. */
  readonly delay?: number
  /** Made here, not by a caller: it is always accepted, and whoever made it reports its trouble. */
  readonly internal?: boolean
}

/** What `drain` takes. */
export interface DrainOptions {
  /** For how many ms at most. @default shutdownTimeout */
  readonly timeout?: number
}

export type AfterwordSettings = Required<AfterwordOptions>

interface Rule<T> {
  readonly standard: T
  readonly expected: string
  readonly accepts: (value: unknown) => boolean
  readonly most?: number
}

type Rules<O> = { readonly [K in keyof O]-?: Rule<O[K]> }

/** Node fires at once what is set for longer: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestTimer = 2 ** 31 - 1

const isNumber = (value: unknown): value is number => typeof value === 'number' && !Number.isNaN(value)
const isTime = (value: unknown) => isNumber(value) && value >= 0
const isCount = (least: number) => (value: unknown) =>
  isNumber(value) && value >= least && (Number.isInteger(value) || value === Infinity)

const time = (standard: number) => ({
  standard,
  expected: 'a number of milliseconds, 0 or more',
  accepts: isTime,
  most: longestTimer,
})
const count = (standard: number, least: number) => ({
  standard,
  expected: `a whole number, ${least} or more`,
  accepts: isCount(least),
})
const flag = (standard: boolean) => ({
  standard,
  expected: 'true or false',
  accepts: (value: unknown) => typeof value === 'boolean',
})

const afterwordRules: Rules<AfterwordOptions> = {
  concurrency: count(256, 1),
  maxBacklog: count(100_000, 1),
  overload: {
    standard: 'hold',
    expected: "'hold', 'before' or 'reject'",
    accepts: (value) => value === 'hold' || value === 'before' || value === 'reject',
  },
  turnBudget: time(0.25),
  taskShare: {
    standard: 0.05,
    expected: 'a number above 0, up to 1',
    accepts: (value) => isNumber(value) && value > 0 && value <= 1,
  },
  slowTask: time(50),
  journal: {
    standard: undefined as never,
    expected: "the path of a folder, or { path, sync: 'normal' | 'full', retention: ms }",
    accepts: isJournal,
  },
  maxPayload: count(256 * 1024, 1),
  onError: {
    standard: 'continue',
    expected: "'continue' or 'stop'",
    accepts: (value) => value === 'continue' || value === 'stop',
  },
  shutdownTimeout: time(10_000),
  signals: flag(true),
  maxRequestAge: time(600_000),
}

const taskRules: Rules<TaskOptions> = {
  name: {
    standard: undefined as never,
    expected: 'a non-empty string',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  when: {
    standard: 'always',
    expected: "'always', 'success' or a function of the response",
    accepts: (value) => value === 'always' || value === 'success' || typeof value === 'function',
  },
  timeout: time(30_000),
  retries: count(0, 0),
  backoff: {
    standard: {},
    expected: 'a number of milliseconds, { base, factor, max } or a function of the attempt',
    accepts: isBackoff,
  },
  now: flag(false),
}

const callRules: Rules<CallOptions> = { ...taskRules, delay: time(0) }

const jobRules: Rules<JobOptions> = {
  ...callRules,
  retries: count(5, 0),
  concurrency: count(Infinity, 1),
  rate: {
    standard: undefined as never,
    expected: '{ runs, per }: a whole number, 1 or more, within that many milliseconds',
    accepts: isRate,
  },
  keep: flag(true),
}

const { name: _name, now: _now, ...itemRules } = taskRules
const batchRules: Rules<BatchOptions> = {
  ...itemRules,
  retries: count(5, 0),
  size: count(100, 1),
  within: time(1000),
}

function isJournal(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  if (typeof value !== 'object' || value === null) return false
  const { path, sync = 'normal', retention = 0, ...rest } = value as Record<string, unknown>
  if (typeof path !== 'string' || path === '' || Object.keys(rest).length > 0) return false
  return (sync === 'normal' || sync === 'full') && isTime(retention)
}

function isRate(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { runs, per, ...rest } = value as { runs?: unknown; per?: unknown }
  return isCount(1)(runs) && runs !== Infinity && isTime(per) && Object.keys(rest).length === 0
}

const backoffFields = new Set(['base', 'factor', 'max'])

function isBackoff(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).every(([key, part]) => backoffFields.has(key) && isTime(part))
  }
  return typeof value === 'function' || isTime(value)
}

export function resolveAfterword(given: AfterwordOptions): AfterwordSettings {
  return resolve('configure', afterwordRules, given)
}

export function resolveDrain(given: DrainOptions, shutdownTimeout: number): Required<DrainOptions> {
  return resolve('drain', { timeout: time(shutdownTimeout) }, given)
}

export function resolveTask(place: string, given: TaskOptions, label?: string): TaskSettings {
  return { ...(resolve(place, taskRules, given) as Required<TaskOptions>), label }
}

export function resolveCall(place: string, given: CallOptions, label: string): TaskSettings {
  return { ...resolve(place, callRules, given), label }
}

export function resolveJob(place: string, given: JobOptions): Required<JobOptions> {
  return resolve(place, jobRules, given)
}

export function resolveBatch(place: string, given: BatchOptions): Required<BatchOptions> {
  return resolve(place, batchRules, given)
}

/** Checks what was given and fills in the rest. An option given as `undefined` counts as not given. */
function resolve<O extends object>(place: string, rules: Rules<O>, given: O): Required<O> {
  if (typeof given !== 'object' || given === null) {
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, 'its options', 'an object', describe(given)])
  }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(rules, key))
      throw new AfterwordError('AFTERWORD_UNKNOWN_OPTION', [place, key, nearest(key, rules)])
  }
  const resolved: Record<string, unknown> = {}
  for (const [key, rule] of Object.entries<Rule<unknown>>(rules)) {
    const value = (given as Record<string, unknown>)[key]
    if (value !== undefined && !rule.accepts(value)) {
      throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, key, rule.expected, describe(value)])
    }
    resolved[key] =
      rule.most === undefined ? (value ?? rule.standard) : Math.min(Number(value ?? rule.standard), rule.most)
  }
  return resolved as Required<O>
}

function nearest(key: string, rules: object): string {
  const known = Object.keys(rules)
  const [name, distance] = known
    .map((name) => [name, editDistance(key.toLowerCase(), name.toLowerCase())] as const)
    .reduce((best, other) => (other[1] < best[1] ? other : best))
  return distance <= name.length / 2 ? `Did you mean "${name}"?` : `Known options: ${known.join(', ')}.`
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
