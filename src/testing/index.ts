import { subscribe } from '../events.ts'
import { instance } from '../instance.ts'
import { validateDrain } from '../options/instance-options.ts'
import { flag, isNumber, isText, type Rules, validate } from '../options/validate.ts'
import type { DrainReport } from '../schedule/drain.ts'
import type { SentResponse } from '../sent-response.ts'
import type { Outcome } from '../task/outcome.ts'
import type { ResponseGate, ScopeResponse } from '../task/response.ts'
import type { Task } from '../task/task.ts'

export {
  AdapterContract,
  type ContractCase,
  type ContractLimits,
  type ContractOptions,
  type ContractServer,
} from './contract.ts'
export { type Props, Stage, type StageAnswer } from './stage.ts'
export {
  type Store,
  StoreContract,
  type StoreContractOptions,
  type StoreLimits,
  type StoreOptions,
} from './store-contract.ts'

/**
 * Waits until every task of the process has ended; then a test can read their effects.
 * @throws Error that names what is left after `timeout` ms; AfterwordError `AFTERWORD_INVALID_OPTION`
 *
 * @example
 * const response = await fetch(`${url}/signup`, { method: 'POST', body })
 * await flush()
 * expect(inbox).toHaveLength(1)
 */
export async function flush(timeout = 5000): Promise<DrainReport> {
  const report = await instance().drain(validateDrain({ timeout }, 5000, 'flush'))
  if (report.left.length === 0) return report
  const left = report.left.map(({ name, id }) => `"${name}" (${id})`).join(', ')
  throw new Error(`Not ended within ${timeout} ms: ${left}`)
}

/**
 * A task as it was deferred or dispatched, and its outcome so far: `undefined` also where another process runs it.
 *
 * @example
 * const [task]: readonly RecordedTask[] = deferred.named('send-welcome')
 * expect(task?.args).toEqual(['ada@example.com'])
 */
export interface RecordedTask {
  readonly id: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly outcome: Outcome | undefined
}

/**
 * A recording lists the tasks that are deferred or dispatched from now on, until it is disposed of.
 *
 * @example
 * using deferred: Recording = record()
 * await signUp('ada@example.com')
 * await flush()
 * expect(deferred.named('send-welcome')).toMatchObject([{ outcome: { status: 'done' } }])
 */
export class Recording implements Disposable {
  /** The tasks by what tells them apart: the task of this process, or the id of a call that was dispatched to whichever process. */
  readonly #tasks = new Map<Task | string, RecordedTask>()
  readonly #unsubscribe: (() => void)[]

  constructor() {
    this.#unsubscribe = [
      subscribe('call:dispatched', ({ id, name, args }) => {
        this.#tasks.set(id, { id, name, args: [...args], outcome: undefined })
      }),
      subscribe('task:deferred', ({ task }) => {
        // This process has claimed a call that it dispatched itself.
        if (this.#tasks.has(task.id)) return
        this.#tasks.set(task, { id: task.id, name: task.name, args: [...task.args], outcome: undefined })
      }),
      subscribe('task:ended', ({ task, outcome }) => {
        const key = this.#tasks.has(task) ? task : task.id
        const recorded = this.#tasks.get(key)
        if (recorded !== undefined) this.#tasks.set(key, { ...recorded, outcome })
      }),
    ]
  }

  /** The tasks in the order of `defer`. */
  get tasks(): readonly RecordedTask[] {
    return [...this.#tasks.values()]
  }

  /** The tasks of one name: of a job, of `defer.with({ name })`, of a function. */
  named(name: string): readonly RecordedTask[] {
    return this.tasks.filter((task) => task.name === name)
  }

  [Symbol.dispose](): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
  }
}

/**
 * Begins a recording: `using deferred = record()`.
 *
 * @example
 * using deferred = record()
 * await signUp('ada@example.com')
 * expect(deferred.named('send-welcome')).toHaveLength(1)
 */
export function record(): Recording {
  return new Recording()
}

/**
 * Calls `fn` as if it were a request's handler, then runs what it deferred, and resolves when that has ended.
 * @throws AfterwordError `AFTERWORD_UNKNOWN_OPTION`, `AFTERWORD_INVALID_OPTION`
 * @param response the response for `when` and `currentTask()?.request`; by default a delivered `GET /` with status 200
 *
 * @example
 * const { value, outcomes } = await runInline(() => signUp('ada@example.com'), { status: 201 })
 */
export async function runInline<T>(
  fn: () => T,
  response: Partial<SentResponse> = {},
): Promise<{ value: Awaited<T>; outcomes: Outcome[] }> {
  const sent = validate('runInline', responseRules, response)
  return instance().scope(new InlineResponse(sent), async () => {
    const value = await fn()
    return { value, outcomes: await instance().finishRequest() }
  })
}

const text = (value: string) => ({ default: value, expected: 'a non-empty string', accepts: isText })
const responseRules: Rules<SentResponse> = {
  method: text('GET'),
  path: text('/'),
  status: { default: 200, expected: 'a number', accepts: isNumber },
  delivered: flag(true),
  aborted: flag(false),
}

class InlineResponse implements ScopeResponse {
  gate?: ResponseGate
  readonly #sent: PromiseWithResolvers<void> = Promise.withResolvers()
  readonly #response: SentResponse

  constructor(response: SentResponse) {
    this.#response = response
  }

  whenSent(callback: (sent: SentResponse) => void): void {
    void this.#sent.promise.then(() => callback(this.#response))
  }

  describe(): SentResponse {
    return this.#response
  }

  end(): void {
    this.#sent.resolve()
  }
}
