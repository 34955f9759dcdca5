import type { AfterwordError } from '../errors.ts'
import type { JobSettings } from '../options/task-options.ts'
import type { Host } from '../task/response.ts'

/**
 * A call of a job, as an engine keeps it.
 *
 * @example
 * const { id, job, args, uniqueKey }: EngineCall = calls[0]
 */
export interface EngineCall {
  /** A UUID. The engine adds no second call with the same one, for as long as it remembers the first. */
  readonly id: string
  readonly job: string
  readonly version: number
  /** The arguments as text. */
  readonly args: string
  /** The options that are bound to the call, as text. */
  readonly options: string | undefined
  /** No other call of the job with this key is added until this one is done or has failed for good. */
  readonly uniqueKey: string | undefined
  /** The call is due in so many ms. */
  readonly delay: number
  /** The moment by `Date.now()` after which the call does not run. */
  readonly expiresAt: number | undefined
  /** The number of runs that have failed. */
  readonly attempt: number
}

/**
 * The end of a run, as the engine stores it. Each is fenced: that of a claim which is another worker's by now changes nothing.
 *
 * @example
 * const ending: Ending = { type: 'retried', attempt: 1, delay: 500, error: 'Error: the mail server is away' }
 */
export type Ending =
  | { readonly type: 'done' }
  /** @param attempt the number of runs that have failed @param delay the time in ms until the next one */
  | { readonly type: 'retried'; readonly attempt: number; readonly delay: number; readonly error: string }
  | { readonly type: 'failed'; readonly attempt: number; readonly reason: string; readonly error: string }
  /** The run did not begin, or its process ends: another worker runs the call, and no attempt is counted. */
  | { readonly type: 'handed-back' }

/**
 * A claim of an engine: a call that is this process's to run. The engine's own worker renews it.
 *
 * @example
 * const claim: EngineClaim = { ...row, settle: (ending) => store(row.id, ending) }
 * host.take([claim])
 */
export interface EngineClaim extends Omit<EngineCall, 'uniqueKey' | 'delay'> {
  /** The number of runs in a row of which no end was heard. */
  readonly crashes: number
  /** The host that ends the run by itself, if there is one. */
  readonly host?: Host
  /** Stores the end of the run, and tries again while the engine is away. Resolves when the claim is over; never rejects. */
  settle(ending: Ending): Promise<void>
}

/**
 * The part of the instance that an engine asks.
 *
 * @example
 * if (host.roomFor('send-welcome') > 0) host.take(await claimed('send-welcome'))
 */
export interface EngineHost {
  /** Runs claims. */
  take(claims: readonly EngineClaim[]): void
  /** The number of calls of a job that can begin now; `Infinity` where it has no limit. */
  roomFor(job: string): number
  /** Calls `call` once, when a call of the job can begin: that may be at once. */
  whenRoom(job: string, call: () => void): void
  /** The engine could not be reached. Reported once, until `reached` was called. */
  away(error: unknown): void
  reached(): void
  /** Calls of a job that this process has added wait, and no process has begun one for so many seconds. */
  unworked(job: string, seconds: number): void
  /** A run has ended whose claim is another worker's by then. */
  lost(job: string, id: string): void
}

/**
 * The jobs that an engine takes claims of.
 *
 * @example
 * const { jobs, concurrency }: EngineWork = { jobs: [['send-welcome', 1]], concurrency: 64 }
 */
export interface EngineWork {
  /** Each job, with the latest version that this process knows. */
  readonly jobs: readonly (readonly [name: string, version: number])[]
  /** The most claims that run at once; 0 takes none any more. */
  readonly concurrency: number
}

/**
 * A client of an engine is its connection from one instance.
 *
 * @example
 * const client: EngineClient = new TableClient(pool)
 */
export interface EngineClient {
  /** Connects, and tries again for as long as the engine is away. */
  open(host: EngineHost): void
  /**
   * Adds calls. Resolves with the id of the call that stands for each: its own, or that of an earlier one with its unique key; with `undefined` for one
   * that can't be added yet, though the engine answers, as where a transaction that is open has its key: that one comes again.
   */
  add(calls: readonly EngineCall[]): Promise<readonly (string | undefined)[]>
  /**
   * Adds a call in a transaction of the app. Resolves with the id of the call that stands for it. An engine without transactions has no such method.
   * @param time the time in ms for which the engine is waited for, before the transaction is used @throws AfterwordError `AFTERWORD_INVALID_OPTION` for what is no transaction
   */
  enqueue?(call: EngineCall, tx: object, time: number): Promise<string>
  /**
   * The error of `add` is the engine's answer to a call: another try would end alike. Without it, every error is taken for an engine that is away.
   * @param isFinal the error is one of `enqueue`, and no other try can be made: any answer of the engine is a refusal
   */
  refuses?(error: unknown, isFinal?: boolean): boolean
  work(work: EngineWork): void
  /** Consumes a batch of messages that the host hands over, with the context of its invocation. Engines that take claims by themselves have none. */
  consume?(batch: object, context: object | undefined): Promise<void>
  /** Withdraws a call that waits, of one of these jobs. An engine that gives no call back has none. @returns false if it runs, has ended, or never was */
  withdraw?(of: string | { readonly key: string }, jobs: EngineWork['jobs']): Promise<boolean>
  /** Disconnects, within a time in ms. */
  close(within: number): Promise<void>
}

/**
 * An option of a job that not every engine can keep.
 *
 * @example
 * const lacks: readonly Ability[] = ['lane', 'debounce']
 */
export type Ability = Extract<keyof JobSettings, 'key' | 'lane' | 'debounce' | 'uniqueFor' | 'rate' | 'when'>

/** The part of the instance that hears what becomes of the ends of runs. */
export type EndingWatch = Pick<EngineHost, 'away' | 'reached' | 'lost'>

/** The options that no engine keeps: its contract has no word for them. */
export const lackedByAll: readonly Ability[] = ['lane', 'debounce', 'uniqueFor', 'when']

/** A record on its way to the engine. */
export interface SentRecord {
  readonly call: EngineCall
  /** Resolves when the record is stored or refused. */
  readonly ready: Promise<void> | undefined
  /** The engine has the call. @param id that of the call that stands for it */
  stored(id: string): void
  refused(error: AfterwordError): void
}

/** A sender brings the calls of an instance to the engine. */
export interface EngineSender {
  /** The number of calls that wait for the engine. */
  readonly size: number
  /** The time in ms for which the oldest call has waited. */
  readonly lag: number
  /** Sends a record, which becomes stored or refused. */
  send(record: SentRecord): void
  /** Resolves when the calls that wait now are stored or refused. */
  flushed(): Promise<void>
  /** Refuses what still waits: the instance is closed. */
  close(): void
}

export interface SenderOptions {
  /** The name of the engine. */
  readonly name: string
  readonly client: EngineClient
  readonly host: EngineHost
  /** The time in ms for which a call waits for the engine. */
  readonly holdTimeout: number
}

/** An engine is an existing distributed queue that keeps the calls of jobs. */
export interface Engine {
  /** The name, for people. */
  readonly name: string
  /** The options of jobs that the engine can't keep: a job that has one of them is refused when it is defined. */
  readonly lacks: readonly Ability[]
  /** Makes a client, which is not connected yet. @throws AfterwordError `AFTERWORD_ENGINE_MISSING` */
  connect(): EngineClient
  /** Refuses a call that the engine can't take. @throws AfterwordError `AFTERWORD_PAYLOAD_TOO_LARGE` */
  check?(call: EngineCall): void
  /** Makes the sender, where it is not to send the calls of many requests together. */
  sender?(options: SenderOptions): EngineSender
}
