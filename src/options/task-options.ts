import type { BatchBuffer } from '../jobs/batch.ts'
import type { StandardSchema } from '../jobs/input.ts'
import type { Limiter } from '../schedule/limiter.ts'
import type { SentResponse } from '../task/response.ts'
import type { Backoff } from '../task/retry.ts'
import { count, flag, isCount, isFunction, isText, isTime, optional, type Rules, time, validate } from './validate.ts'

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
export interface CallOptions<A extends unknown[] = unknown[]> extends TaskOptions {
  /**
   * Unique among the calls of the job until it is done or has failed for good: a second call with the same key is not added. With a
   * journal among all processes, else in this one. @default none
   */
  readonly key?: string | ((...args: A) => string)
  /** Of which version of the job the arguments are; with a journal, a process that knows only earlier ones leaves them. @default the job's, 1 */
  readonly version?: number
  /** `dispatch` only, and with a journal: not before so many ms have passed, in whichever process. @default 0 */
  readonly delay?: number
}

/** What a job may have besides. Its limits hold for all calls of the job in this process. */
export interface JobOptions<A extends unknown[] = unknown[]> extends CallOptions<A> {
  /** Checks the arguments, as one tuple: when it is called, and again when it is run. Not asynchronously. @default unchecked */
  readonly input?: StandardSchema
  /** Makes stored arguments of an earlier version those of `version`. @default as they are */
  // biome-ignore lint/suspicious/noExplicitAny: what an earlier release stored is known to whoever writes this
  readonly upgrade?: (args: any, version: number) => readonly [...A]
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

/** What `with` has bound to a call and is stored with it: whoever runs it heeds that. A function stays where it is. */
export interface BoundOptions {
  readonly timeout?: number
  readonly retries?: number
  readonly backoff?: Exclude<Backoff, (...args: never[]) => unknown>
}

/** Task options with every default in place; made once for each `defer.with` or job, not for each call. */
export interface TaskSettings extends Readonly<Required<Omit<TaskOptions, 'name'>>> {
  readonly name: string | undefined
  /** How the task is called where it has no `name`: the job's name. */
  readonly label: string | undefined
  /** Of the job that the task belongs to. */
  readonly limiter?: Limiter | undefined
  /** Where the task waits for others of its batch. */
  readonly batchBuffer?: BatchBuffer | undefined
  /** Its calls are kept in the journal, if there is one. */
  readonly keep?: boolean
  readonly version?: number
  readonly key?: CallOptions<never[]>['key'] | undefined
  /** In ms, for `dispatch`. */
  readonly delay?: number
  /** What of these was not the job's own. */
  readonly bound?: BoundOptions | undefined
  /** Any process could run it. */
  readonly dispatched?: boolean
  /** Made here, not by a caller: it is always accepted, and whoever made it reports its trouble. */
  readonly internal?: boolean
}

/** A hundred years, in ms. */
const longestDelay = 100 * 365 * 24 * 3_600_000

const taskRules: Rules<TaskOptions> = {
  name: optional('a non-empty string', isText),
  when: {
    default: 'always',
    expected: "'always', 'success' or a function of the response",
    accepts: (value) => value === 'always' || value === 'success' || typeof value === 'function',
  },
  timeout: time(30_000),
  retries: count(0, 0),
  backoff: {
    default: {},
    expected: 'a number of milliseconds, { base, factor, max } or a function of the attempt',
    accepts: isBackoff,
  },
  now: flag(false),
}

const callRules: Rules<CallOptions<never[]>> = {
  ...taskRules,
  retries: count(5, 0),
  key: optional('a non-empty string or a function of the arguments', (value) => isText(value) || isFunction(value)),
  version: { ...count(1, 1), accepts: (value) => isCount(1)(value) && Number.isSafeInteger(value) },
  // It is stored: no timer has to be set for so long.
  delay: { ...time(0), most: longestDelay },
}

const jobRules: Rules<JobOptions<never[]>> = {
  ...callRules,
  input: optional('a schema of zod, valibot, arktype or another that follows Standard Schema', (value) =>
    Boolean((value as Partial<StandardSchema>)?.['~standard']),
  ),
  upgrade: optional('a function of stored arguments and their version', isFunction),
  concurrency: count(Infinity, 1),
  rate: optional('{ runs, per }: a whole number, 1 or more, within that many milliseconds', isRate),
  keep: flag(true),
}

const { name: _name, now: _now, ...itemRules } = taskRules
const batchRules: Rules<BatchOptions> = {
  ...itemRules,
  retries: count(5, 0),
  size: count(100, 1),
  within: time(1000),
}

/** Whatever realm it is from: tests may run in one of their own. */
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

export function validateTask(place: string, given: TaskOptions, label?: string): TaskSettings {
  return { ...(validate(place, taskRules, given) as Required<TaskOptions>), label }
}

export function validateJob(place: string, given: JobOptions<never[]>): Required<JobOptions<never[]>> {
  return validate(place, jobRules, given)
}

const boundKeys = ['timeout', 'retries', 'backoff'] as const

/** What of these is stored with a call; `undefined` for nothing. */
export function boundOptions(options: Partial<TaskSettings>): BoundOptions | undefined {
  const keys = boundKeys.filter((key) => options[key] !== undefined && typeof options[key] !== 'function')
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, options[key]]))
}

/** What is bound to a job later, and nothing else. @param latest the job's own version */
export function validateCall(place: string, given: CallOptions<never[]>, latest: number): Partial<TaskSettings> {
  const resolved = validate(place, { ...callRules, version: upTo(latest) }, given)
  return Object.fromEntries(Object.keys(given).map((key) => [key, resolved[key as keyof CallOptions]]))
}

const upTo = (most: number) => ({
  default: most,
  expected: `a whole number, 1 to ${most}`,
  accepts: (value: unknown) => isCount(1)(value) && (value as number) <= most,
})

export function validateBatch(place: string, given: BatchOptions): Required<BatchOptions> {
  return validate(place, batchRules, given)
}
