import { AfterwordError, describe } from '../errors.ts'
import type { SentResponse } from '../sent-response.ts'
import { type Backoff, backoffRules } from './backoff.ts'
import { type Debounce, debounceRules } from './debounce.ts'
import { type Rate, rateRules } from './rate.ts'
import type { StandardSchema } from './standard-schema.ts'
import type { Transaction } from './transaction.ts'
import {
  count,
  flag,
  isCount,
  isFunction,
  isObject,
  isText,
  isTime,
  optional,
  type Rules,
  time,
  validate,
} from './validate.ts'

/**
 * The options of `defer.with`, and of each job.
 *
 * @example
 * defer.with({ when: 'success', timeout: 5_000, retries: 3 })(track, 'signup', user.id)
 */
export interface TaskOptions {
  /** The name, for people. In one scope a second task of the same name replaces the first. @default the job's or function's name */
  readonly name?: string
  /** `'success'`: only if the response was delivered with a status below 400. Tasks outside a request always run. A kept job whose process died before the response was sent finds it not delivered, with status 0. @default 'always' */
  readonly when?: 'always' | 'success' | ((response: SentResponse) => boolean)
  /** The time in ms after which the signal aborts and the scope moves on; `Infinity` for a hundred years. @default 30000 */
  readonly timeout?: number
  /** The most runs after the first one, of a task that failed or timed out. @default 0; for jobs 20 where they are kept, over a day or two, else 5 */
  readonly retries?: number
  /** The delay before the next run. @default exponential with full jitter, 1 s to 60 s, for kept jobs to 8 h */
  readonly backoff?: Backoff
  /** Run on the next turn in a scope of its own, without waiting for the response: for streams that stay open. @default false */
  readonly now?: boolean
}

/**
 * The options of a call of a job.
 *
 * @example
 * await Remind.with({ key: user.id, delay: 3_600_000 }).dispatch(user.id)
 */
export interface CallOptions<A extends unknown[] = unknown[]> extends TaskOptions {
  /**
   * The unique key of a call, until the call is done or has failed for good: a second call of the job with the same key is not added.
   * With a journal the key is unique among all processes, else in this one. @default none
   */
  readonly key?: string | ((...args: A) => string)
  /** The version of the arguments; with a journal, a process that knows only earlier versions leaves the record to others. @default the job's, 1 */
  readonly version?: number
  /** The time in ms since the call after which no run begins: the outcome is `cancelled`, `expired`. @default none */
  readonly expires?: number
  /** The least time in ms before the run. `dispatch` only, and with a journal, which lets any process run the job then. @default 0 */
  readonly delay?: number
  /**
   * The transaction of the app that the call is part of: committed with it, or rolled back. `dispatch` only, with pg-boss, or with a journal in
   * the app's own database. docs/databases.md @default none
   */
  readonly tx?: Transaction
  /** `'engine'`: `dispatch` waits until the engine has the call, also behind a journal, which then does not keep the call. @default the journal */
  readonly confirm?: 'engine'
}

/**
 * The options of a job. Its limits hold for all calls of the job in this process.
 *
 * @example
 * job('notify', callApi, { concurrency: 4, rate: { runs: 100, per: 60_000 } })
 */
export type JobOptions<A extends unknown[] = unknown[]> = UncheckedOptions<A> & {
  /** Checks the arguments, as one tuple: when it is called, and again when it is run. Not asynchronously. @default unchecked */
  readonly input?: StandardSchema
}

/** The options of a job whose arguments no schema checks. */
export type UncheckedOptions<A extends unknown[]> = LimitOptions<A> & (KeyedOptions<A> | FreeKeyOptions<A>)

/**
 * The options of a job that go with any others.
 *
 * @example
 * const options: LimitOptions<[accountId: string]> = { lane: (accountId) => accountId }
 */
interface LimitOptions<A extends unknown[] = unknown[]> extends Omit<CallOptions<A>, 'key' | 'tx' | 'confirm'> {
  /** Makes stored arguments of an earlier version those of `version`. @default as they are */
  // biome-ignore lint/suspicious/noExplicitAny: what an earlier release stored is known to whoever writes this
  readonly upgrade?: (args: any, version: number) => readonly [...A]
  /** The most runs of the job at once. @default without limit, in threads as many as there are */
  readonly concurrency?: number
  /** The most runs of the job that begin within a time. @default without limit */
  readonly rate?: Rate
  /** Keep the calls in the journal, if there is one. @default true */
  readonly keep?: boolean
  /**
   * The lane of a call: all calls run, those of one lane one at a time, in the order of the calls. A call that waits for its retry
   * keeps its lane waiting. With a journal this holds among all processes, and any process with room runs a call. @default none
   */
  readonly lane?: (...args: A) => string
}

/**
 * The options of a job whose calls have unique keys.
 *
 * @example
 * job('webhook', handle, { key: (event: Event) => event.id, uniqueFor: 86_400_000 })
 */
interface KeyedOptions<A extends unknown[] = unknown[]> {
  readonly key: Exclude<CallOptions<A>['key'], undefined>
  /**
   * The time in ms for which the unique key stays taken once a call is done: a webhook that is delivered again is not handled again. With a
   * journal, in all processes. @default 0
   */
  readonly uniqueFor?: number
  /**
   * Many calls with one `key` become one run, with the arguments of the last call. With a journal this holds among all processes, and any
   * process with room makes the run. @default none
   */
  readonly debounce?: Debounce
}

/** The options of a job whose key, if there is one, is free as soon as its call has ended. */
interface FreeKeyOptions<A extends unknown[]> {
  readonly key?: CallOptions<A>['key']
  readonly uniqueFor?: undefined
  readonly debounce?: undefined
}

/** Options that `with` has bound to a call, and that are stored with it: every process that runs the call heeds them. A function can't be stored. */
export interface BoundOptions {
  readonly timeout?: number
  readonly retries?: number
  readonly backoff?: Exclude<Backoff, (...args: never[]) => unknown>
  /** The trace context of the call, as `traceparent` of W3C: set where calls are traced. */
  readonly trace?: string
}

/** Task options with every default in place. */
export interface TaskSettings extends Readonly<Required<Omit<TaskOptions, 'name' | 'retries'>>> {
  readonly name: string | undefined
  /** `undefined` for a job that leaves it to the place where its calls are. */
  readonly retries: number | undefined
  /** The time in ms for which the unique key of a job stays taken after a call is done. */
  readonly uniqueFor?: number
  /** The trace context of a call that was stored. */
  readonly trace?: string
}

/** Job options with every default in place. */
export interface JobSettings extends TaskSettings {
  readonly key: CallOptions<never[]>['key'] | undefined
  readonly version: number
  readonly expires: number | undefined
  readonly delay: number
  readonly input: StandardSchema | undefined
  readonly upgrade: LimitOptions<never[]>['upgrade'] | undefined
  readonly concurrency: number
  readonly rate: Rate | undefined
  readonly keep: boolean
  readonly uniqueFor: number
  readonly lane: LimitOptions<never[]>['lane'] | undefined
  readonly debounce: Debounce | undefined
  /** The transaction that a call is part of. */
  readonly tx?: Transaction | undefined
  /** The engine has a call before its `dispatch` resolves. */
  readonly confirm?: 'engine' | undefined
}

export const taskRules: Rules<TaskOptions> = {
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
    accepts: (value) => isObject(value) || isFunction(value) || isTime(value),
    parts: backoffRules,
  },
  now: flag(false),
}

/** The rules of options that go with a job and with a call. */
const commonRules: Rules<Omit<CallOptions<never[]>, 'tx' | 'confirm'>> = {
  ...taskRules,
  retries: { ...count(0, 0), default: undefined as never },
  key: optional('a non-empty string or a function of the arguments', (value) => isText(value) || isFunction(value)),
  version: { ...count(1, 1), accepts: (value) => isCount(1)(value) && Number.isSafeInteger(value) },
  expires: optional('a number of milliseconds, 0 or more', isTime),
  delay: time(0),
}

const callRules: Rules<CallOptions<never[]>> = {
  ...commonRules,
  // A call would be dispatched outside of the transaction in silence.
  tx: { ...optional('a transaction', (value) => isObject(value) || isFunction(value)), given: true },
  confirm: optional("'engine'", (value) => value === 'engine'),
}

/** The options of a job, whether or not they go together. */
type AnyJobOptions = LimitOptions<never[]> &
  Pick<CallOptions<never[]>, 'key'> &
  Pick<JobOptions<never[]>, 'input'> &
  Partial<Pick<KeyedOptions<never[]>, 'uniqueFor' | 'debounce'>>

const jobRules: Rules<AnyJobOptions> = {
  ...commonRules,
  input: optional('a schema of zod, valibot, arktype or another that follows Standard Schema', (value) =>
    Boolean((value as Partial<StandardSchema>)?.['~standard']),
  ),
  upgrade: optional('a function of stored arguments and their version', isFunction),
  concurrency: count(Infinity, 1),
  rate: {
    ...optional('{ runs, per }: a whole number, 1 or more, within that many milliseconds', isObject),
    parts: rateRules,
  },
  keep: flag(true),
  uniqueFor: time(0),
  lane: optional('a function of the arguments', isFunction),
  debounce: { ...optional('{ quiet, longest }: numbers of milliseconds', isObject), parts: debounceRules },
}

export function validateTask(place: string, given: TaskOptions): TaskSettings {
  return validate(place, taskRules, given)
}

export function validateJob(place: string, given: JobOptions<never[]>): JobSettings {
  return checkTogether(place, validate(place, jobRules, given as AnyJobOptions))
}

/** Checks options that don't go together. @throws AfterwordError `AFTERWORD_INVALID_OPTION` */
function checkTogether(place: string, settings: JobSettings): JobSettings {
  const { key, uniqueFor, lane, debounce, when, delay } = settings
  const refuse = (option: string, expected: string, got: unknown) => {
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [place, option, expected, describe(got)])
  }
  if (uniqueFor > 0 && key === undefined) refuse('uniqueFor', 'left out where there is no key', uniqueFor)
  if (debounce === undefined && lane === undefined) return settings
  const which = debounce === undefined ? 'lane' : 'debounce'
  if (debounce?.longest !== undefined && debounce.longest < debounce.quiet)
    refuse("debounce's longest", `quiet (${debounce.quiet}) or more`, debounce.longest)
  if (debounce !== undefined && key === undefined) refuse('debounce', 'left out where there is no key', debounce)
  if (debounce !== undefined && lane !== undefined) refuse('debounce', 'left out where there is a lane', debounce)
  if (debounce !== undefined && uniqueFor > 0) refuse('debounce', 'left out where there is uniqueFor', debounce)
  if (when !== 'always') refuse('when', `'always' where there is ${which}`, when)
  if (delay > 0) refuse('delay', `left out where there is ${which}`, delay)
  return settings
}

const boundKeys = ['timeout', 'retries', 'backoff', 'trace'] as const

/** Selects the options that are stored with a call; `undefined` for none. */
export function boundOptions(options: Partial<TaskSettings>): BoundOptions | undefined {
  const keys = boundKeys.filter((key) => options[key] !== undefined && typeof options[key] !== 'function')
  return keys.length === 0 ? undefined : Object.fromEntries(keys.map((key) => [key, options[key]]))
}

/**
 * Checks options that were stored with a call; those that only another release knows are left out.
 * @throws AfterwordError `AFTERWORD_INVALID_OPTION`
 */
export function checkBound(stored: unknown): BoundOptions | undefined {
  const given = typeof stored === 'object' && stored !== null ? (stored as Partial<TaskSettings>) : {}
  // A trace context is no option of the app: one that can't be read is left out.
  const bound = boundOptions(typeof given.trace === 'string' ? given : { ...given, trace: undefined as never })
  const { trace: _, ...options } = bound ?? {}
  validate('stored options', taskRules, options)
  return bound
}

/**
 * Checks options that are bound to a job later.
 * @param job the options of the job @param latest the job's own version @returns those that were given, and no defaults
 */
export function validateCall(
  place: string,
  given: CallOptions<never[]>,
  job: JobSettings,
  latest: number,
): Partial<TaskSettings> {
  const resolved = validate(place, { ...callRules, version: upTo(latest) }, given)
  const bound = Object.fromEntries(Object.keys(given).map((key) => [key, resolved[key as keyof CallOptions]]))
  checkTogether(place, { ...job, ...bound })
  return bound
}

const upTo = (most: number) => ({
  default: most,
  expected: `a whole number, 1 to ${most}`,
  accepts: (value: unknown) => isCount(1)(value) && (value as number) <= most,
})
