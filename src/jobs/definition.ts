import { clock } from '../clock.ts'
import { AfterwordError, describe } from '../errors.ts'
import {
  type BoundOptions,
  boundOptions,
  type CallOptions,
  type JobSettings,
  validateCall,
} from '../options/task-options.ts'
import type { SentResponse } from '../sent-response.ts'
import { type TaskBuffer, TaskDefinition } from '../task/definition.ts'
import type { JobCall } from '../task/record.ts'
import { longestTime } from '../timers.ts'
import { checkInput, runInput } from './input.ts'

export type Handler = (...args: never[]) => unknown

/** A job definition holds what all calls of a job share. `with` makes another one of the same job, with options bound to its calls. */
export class JobDefinition {
  readonly name: string
  readonly settings: JobSettings
  /** The version of the arguments that the handler takes. */
  readonly latest: number
  /** The part that the tasks of the calls share. */
  readonly tasks: TaskDefinition
  /** The handler for calls of this definition. */
  readonly handler: Handler
  /** The handler as the app gave it, and the same with its arguments validated. */
  readonly #given: Handler
  readonly #checked: Handler
  readonly #bound: BoundOptions | undefined
  #sharedTasks: TaskDefinition | undefined

  constructor(tasks: TaskDefinition, settings: JobSettings, given: Handler, latest: number, bound?: BoundOptions) {
    this.name = tasks.label as string
    this.tasks = tasks
    this.settings = settings
    this.latest = latest
    this.#given = given
    const { input } = settings
    this.#checked = input === undefined ? given : (...args) => given(...(runInput(input, this.name, args) as never[]))
    this.#bound = bound
    this.handler = this.handlerOf(settings.version)
  }

  /** Makes the same job with options bound to its calls; the limiter stays that of the job. */
  with(options: Partial<JobSettings>): JobDefinition {
    const settings = { ...this.settings, ...options }
    const tasks = new TaskDefinition(settings, this.name, this.tasks)
    return new JobDefinition(tasks, settings, this.#given, this.latest, boundOptions({ ...this.#bound, ...options }))
  }

  /** Checks options that are to be bound. @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION` */
  validate(options: CallOptions<never[]>): Partial<JobSettings> {
    return validateCall(`job("${this.name}").with`, options, this.settings, this.latest)
  }

  /** The handler for calls of a version: their arguments are upgraded and validated first. */
  handlerOf(version: number): Handler {
    const { upgrade } = this.settings
    if (version >= this.latest || upgrade === undefined) return this.#checked
    return (...args) => this.#checked(...(upgrade(args, version) as never[]))
  }

  /** Validates the arguments of a call. Those of an earlier version are validated once they are upgraded, when the call runs. */
  check(args: readonly unknown[]): void {
    const { input, version } = this.settings
    if (input !== undefined && version === this.latest) checkInput(input, this.name, args)
  }

  /** @throws AfterwordError `AFTERWORD_INVALID_OPTION` where the function in `key` returns none */
  uniqueKey(args: readonly unknown[]): string | undefined {
    const { key } = this.settings
    if (typeof key !== 'function') return key
    return this.#text('key', key(...(args as never[])))
  }

  /** @throws AfterwordError `AFTERWORD_INVALID_OPTION` where the function in `lane` returns none */
  lane(args: readonly unknown[]): string | undefined {
    const { lane } = this.settings
    return lane === undefined ? undefined : this.#text('lane', lane(...(args as never[])))
  }

  #text(option: string, made: unknown): string {
    if (typeof made === 'string' && made !== '') return made
    const expected = 'a non-empty string'
    throw new AfterwordError('AFTERWORD_INVALID_OPTION', [
      `job("${this.name}")`,
      `its ${option}`,
      expected,
      describe(made),
    ])
  }

  /** The part of the tasks whose records any process runs. @param buffer lets go of them */
  sharedTasks(buffer: TaskBuffer): TaskDefinition {
    this.#sharedTasks ??= new TaskDefinition(this.settings, this.name, { buffer })
    return this.#sharedTasks
  }

  /** Calls wait for each other in all processes, in the shared database; `undefined` where they do not. */
  get shared(): { readonly delay: number } | undefined {
    const { lane, debounce } = this.settings
    return lane === undefined && debounce === undefined ? undefined : { delay: debounce?.quiet ?? 0 }
  }

  /** The moment by `Date.now()` after which a call that is made now does not run. */
  get expiresAt(): number | undefined {
    const { expires } = this.settings
    return expires === undefined ? undefined : clock.date() + expires
  }

  /** Makes a call that the journal can store. @param asClaim the call counts among the claims of this process */
  call(args: readonly unknown[], uniqueKey: string | undefined, asClaim = false, response?: SentResponse): JobCall {
    const { version, expires, debounce } = this.settings
    const call = { job: this.name, version, args, options: this.#bound, response, uniqueKey, asClaim }
    const { shared } = this
    if (shared === undefined) return expires === undefined ? call : { ...call, expiresAt: this.expiresAt }
    const longest = debounce && Math.min(debounce.longest ?? longestTime, longestTime)
    return { ...call, ...shared, shared: true, expiresAt: this.expiresAt, lane: this.lane(args), longest }
  }
}
