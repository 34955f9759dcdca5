import { clock } from '../clock.ts'
import { errorText } from '../error-text.ts'
import { notedPlace } from '../schedule/defer-places.ts'
import type { SentResponse } from '../sent-response.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Recording } from '../task/recording.ts'
import { RequestScope } from '../task/request-scope.ts'
import type { Scope } from '../task/scope.ts'
import type { Task } from '../task/task.ts'
import type { AttemptView, RequestView, TaskView } from './views.ts'

type Growing<T> = { -readonly [Name in keyof T]: T[Name] }
type GrowingTask = Growing<Omit<TaskView, 'attempts'>> & { readonly attempts: Growing<AttemptView>[] }
type GrowingRequest = Growing<Omit<RequestView, 'tasks'>> & { readonly tasks: GrowingTask[] }

type Listener = (request: RecordedRequest) => void

/** The most tasks of a request that are told one by one, and the most attempts of each: the last ones. */
const mostTasks = 50
const mostAttempts = 20
/** The most characters of a path, of a name, and of an error with its stack. */
const mostOfPath = 200
const mostOfName = 200
const mostOfError = 4000
/** The characters of all errors of a request; those that come when these are used up have fewer each. A page gets all rows when it connects. */
const roomForErrors = 16_000
const leastOfError = 120

/** A request as it is recorded: a row of the waterfall, which grows as its tasks go on. */
export class RecordedRequest implements Recording {
  readonly #view: GrowingRequest
  /** The unfinished tasks that are told. */
  readonly #tasks = new Map<Task, GrowingTask>()
  /** The calls that were handed to the journal and may come back, by id; `undefined` for those that are not told one by one. */
  readonly #dispatched = new Map<string, GrowingTask | undefined>()
  readonly #opened: number
  readonly #changed: Listener
  #roomForErrors = roomForErrors
  /** The row has not made room for others. */
  isListed = true

  /** @param changed is called at each change */
  constructor(id: string, scope: Scope, changed: Listener) {
    const { response } = scope
    this.#changed = changed
    this.#opened = openedAtOf(scope)
    this.#view = {
      id,
      at: clock.date() - (clock.now() - this.#opened),
      method: response?.method,
      path: response?.path.slice(0, mostOfPath),
      status: undefined,
      // Work outside a request waits for no response.
      sent: response === undefined ? 0 : undefined,
      delivered: undefined,
      pid: globalThis.process?.pid ?? 0,
      tasks: [],
      moreTasks: 0,
    }
    // The scope of a request that was sent before anybody looked.
    if (scope.sent !== undefined) this.#noteSent(scope.sent)
  }

  /** The row as it is now. The object grows with the request. */
  get view(): RequestView {
    return this.#view
  }

  /** The calls that were handed to the journal and have not come back as tasks. */
  get dispatchedIds(): Iterable<string> {
    return this.#dispatched.keys()
  }

  /** The request has one more task. */
  added(task: Task): void {
    if (this.#dispatched.has(task.id)) {
      const dispatched = this.#dispatched.get(task.id)
      this.#dispatched.delete(task.id)
      if (dispatched === undefined) return
      dispatched.reason = undefined
      this.#tasks.set(task, dispatched)
      return this.#changed(this)
    }
    const view = this.#add(task.id, task.name, task.record !== undefined, notedPlace(task))
    if (view !== undefined) this.#tasks.set(task, view)
  }

  /** The request has handed a call to the journal. @param isFollowed the call may come back as a task */
  dispatched(id: string, job: string, isFollowed: boolean): void {
    const view = this.#add(id, job, true, undefined)
    if (view !== undefined) view.reason = 'for any process'
    if (isFollowed) this.#dispatched.set(id, view)
  }

  sent(response: SentResponse): void {
    this.#noteSent(response)
    this.#changed(this)
  }

  began(task: Task): void {
    const view = this.#tasks.get(task)
    if (view === undefined) return
    view.state = 'running'
    if (view.attempts.length === mostAttempts) view.attempts.shift()
    view.attempts.push({ from: this.#now, to: undefined, status: undefined, error: undefined })
    this.#changed(this)
  }

  attempted(task: Task, outcome: Outcome): void {
    const attempt = this.#tasks.get(task)?.attempts.at(-1)
    if (attempt === undefined || attempt.to !== undefined) return
    attempt.to = this.#now
    attempt.status = outcome.status
    if (outcome.status === 'failed') attempt.error = this.#shortened(errorText(outcome.error))
    if (outcome.status === 'timed-out') attempt.error = `The attempt did not end within ${outcome.after} ms.`
    this.#changed(this)
  }

  retries(task: Task): void {
    const view = this.#tasks.get(task)
    if (view === undefined) return
    view.state = 'retrying'
    this.#changed(this)
  }

  ended(task: Task, outcome: Outcome): void {
    const view = this.#tasks.get(task)
    if (view === undefined) return
    this.#tasks.delete(task)
    if (outcome.status === 'cancelled') view.reason = outcome.reason
    // A kept task has no outcome yet: it runs later, or in another process.
    if (outcome.status !== 'cancelled' || outcome.reason !== 'kept') view.state = outcome.status
    this.#changed(this)
  }

  #add(id: string, name: string, isKept: boolean, place: string | undefined): GrowingTask | undefined {
    this.#changed(this)
    if (this.#view.tasks.length === mostTasks) {
      this.#view.moreTasks++
      return undefined
    }
    const view: GrowingTask = {
      ...{ id, name: name.slice(0, mostOfName), isKept, state: 'waiting', deferred: this.#now },
      ...{ attempts: [], place, reason: undefined },
    }
    this.#view.tasks.push(view)
    return view
  }

  #shortened(error: string): string {
    const most = Math.min(mostOfError, Math.max(leastOfError, this.#roomForErrors))
    this.#roomForErrors -= Math.min(error.length, most)
    // A copy: a slice alone would keep the whole text, and with it what the app has put into it, in the memory.
    return ` ${error.slice(0, most)}`.slice(1)
  }

  #noteSent({ status, delivered }: SentResponse): void {
    Object.assign(this.#view, { status, delivered, sent: this.#now })
  }

  /** The time since the request came in, to a hundredth of a ms. */
  get #now(): number {
    return Math.round((clock.now() - this.#opened) * 100) / 100
  }
}

/** The moment by `performance.now()` at which the request came in, or the work began. */
export function openedAtOf(scope: Scope): number {
  return (scope instanceof RequestScope ? scope.openedAt : undefined) ?? clock.now()
}
