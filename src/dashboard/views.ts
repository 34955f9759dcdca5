/**
 * The contract of the dashboard's page and its handler. All routes are relative to where the handler is mounted, and answer JSON:
 *
 * | route | answer |
 * |---|---|
 * | `GET events` | server-sent events: the names and data of `DashboardEvents`. The first is `hello`, then all that the others have once |
 * | `GET jobs?state&job&search&cursor&limit` | `JobsPage` |
 * | `GET jobs/:id` | `JobDetailsView` |
 * | `POST jobs/:id` | takes `{ "reveal": true }`, answers the `JobDetailsView` with its arguments (role `write`, logged) |
 * | `GET actions` | `ActionView[]`: the log of actions, the newest first |
 * | `POST actions/:id` | takes `{ "cancel": true }`, answers the `ActionView` (role `write`): the action ends after the records that it is at |
 * | `POST actions` | takes an `ActionRequest`, answers its `ActionView` at once (202). Progress comes as the event `action` |
 *
 * An answer that is no success is a `Refusal`. Dates are ms since 1970, all other times ms. Every string is text: the page never takes it for markup.
 */
export interface DashboardEvents {
  readonly hello: HelloView
  /** Once a second. */
  readonly now: NowView
  /** All points when a page connects, then the newest ones. */
  readonly points: PointsView
  /** All requests when a page connects, then those that have changed: at most some times a second. A request takes the place of that of the same id. */
  readonly requests: readonly RequestView[]
  /** An action has begun, goes on or has ended. */
  readonly action: ActionView
}

/** The first event: who serves the page, and what its user may do. */
export interface HelloView {
  /** The date of the server. */
  readonly now: number
  readonly version: string
  readonly role: 'read' | 'write'
  /** The process that answers, whose requests are shown; `undefined` where the command serves the page, which has no requests. */
  readonly pid: number | undefined
  /** The store that keeps the jobs, and lists their records. */
  readonly store: 'journal' | 'engine' | 'none'
  /** The most requests that the server remembers, and of how many one is taken when there are more. */
  readonly mostRequests: number
}

/** The numbers of the moment. */
export interface NowView {
  readonly now: number
  readonly warnings: readonly WarningView[]
  readonly processes: readonly ProcessView[]
  /** The share of the requests that are shown: 1 for all, 0.1 for one of ten. */
  readonly sampled: number
  /** The unfinished tasks of the process that answers. */
  readonly unsent: number
  readonly due: number
  readonly running: number
  readonly retrying: number
  readonly delayed: number
  readonly held: number
  readonly oldestDue: number
}

/** A warning in words. */
export interface WarningView {
  /** Names the kind, and what it is about: a warning that goes on keeps its id. */
  readonly id: string
  readonly isGrave: boolean
  /** A sentence that says what is wrong. */
  readonly text: string
  /** A sentence that says what to do next. */
  readonly advice: string
}

/** A living process of the journal, or the one that answers. */
export interface ProcessView {
  readonly pid: number
  readonly version: string | undefined
  readonly isThis: boolean
  readonly startedAt: number | undefined
  /** The jobs that it can run. */
  readonly jobs: readonly string[]
  /** The names of the tasks that run in it; `undefined` where it does not tell. */
  readonly running: readonly { readonly name: string; readonly count: number }[] | undefined
}

/** Points over time: the last 5 minutes by seconds, and the last 24 hours by minutes. */
export interface PointsView {
  readonly minutes: readonly PointView[]
  readonly hours: readonly PointView[]
}

/** The measurements of one step of time: numbers of it, and the worst of the levels in it. */
export interface PointView {
  /** The end of the step. */
  readonly at: number
  /** Outcomes in the step. */
  readonly done: number
  /** Outcomes of tasks that failed or timed out. */
  readonly failed: number
  readonly due: number
  readonly oldestDue: number
  readonly held: number
  /** The half and the 95th of a hundred of the waits that ended in the step; `undefined` where none did. */
  readonly wait: Quantiles | undefined
  readonly run: Quantiles | undefined
  /** The delay of the event loop: the 99th of a hundred, or the longest. */
  readonly loopDelay: number | undefined
}

/** Two times: half of the values are at most `p50`, 95 of 100 at most `p95`. `null` is a time above the largest bound of the histograms. */
export interface Quantiles {
  readonly p50: number | null
  readonly p95: number | null
}

/** The states of a task, as the page shows them. A task is `lost` whose process ended while it was only in memory. */
export type TaskState = 'waiting' | 'running' | 'retrying' | 'done' | 'failed' | 'timed-out' | 'cancelled' | 'lost'

/** A request that was answered, or will be, and its tasks. All times but `at` are since it came in. */
export interface RequestView {
  readonly id: string
  /** The date at which the request came in, or the work began. */
  readonly at: number
  /** `undefined` for work outside a request: jobs that were recovered or dispatched, timers. */
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: number | undefined
  /** The time at which the response was sent; `undefined` while it was not. Work outside a request has 0. */
  readonly sent: number | undefined
  /** False where the client had gone. */
  readonly delivered: boolean | undefined
  readonly pid: number
  readonly tasks: readonly TaskView[]
  /** The number of further tasks, which are not told one by one. */
  readonly moreTasks: number
}

/** A task of a request. */
export interface TaskView {
  readonly id: string
  readonly name: string
  /** The journal or the engine keeps the call. */
  readonly isKept: boolean
  readonly state: TaskState
  /** The time of the call. */
  readonly deferred: number
  readonly attempts: readonly AttemptView[]
  /** The place of the call: a line of a stack trace. */
  readonly place: string | undefined
  /** The reason why it was cancelled or left. */
  readonly reason: string | undefined
}

/** An attempt. */
export interface AttemptView {
  readonly from: number
  /** `undefined` while it runs. */
  readonly to: number | undefined
  readonly status: 'done' | 'failed' | 'timed-out' | 'cancelled' | undefined
  /** The error with its stack; for the role `read` as well. */
  readonly error: string | undefined
}

/** The states of records: those of the store, and `later` for pending ones that are delayed or wait for their next attempt. */
export type JobState = 'failed' | 'running' | 'held' | 'pending' | 'later' | 'queued' | 'paused' | 'unknown' | 'sealed'

/** The records that are asked for. */
export interface JobFilter {
  readonly state?: JobState
  readonly job?: string
  /** The whole id, or a part of the job, of the unique key or of the error. */
  readonly search?: string
}

/** A page of records: what has failed first, the newest first. */
export interface JobsPage {
  readonly jobs: readonly JobView[]
  /** The cursor of the next page; `undefined` on the last one. */
  readonly next: string | undefined
  /** All records by job and state, without the filter. */
  readonly counts: readonly { readonly job: string; readonly state: JobState; readonly count: number }[]
  /** The number of records that match the filter; `undefined` where counting them would take too long. */
  readonly matching: number | undefined
}

/** A record in a list. */
export interface JobView {
  readonly id: string
  readonly job: string
  readonly state: JobState
  readonly attempt: number
  readonly created: number
  readonly runAt: number | undefined
  readonly failedAt: number | undefined
  /** The first line of the last error. */
  readonly error: string | undefined
}

/** A record in full. */
export interface JobDetailsView extends JobView {
  readonly version: number
  readonly pid: number | undefined
  readonly key: string | undefined
  readonly lane: string | undefined
  readonly reason: string | undefined
  /** The arguments as text; redacted unless they were revealed. */
  readonly args: string
  readonly isRevealed: boolean
  readonly options: string | undefined
  /** The last error with its stack. */
  readonly stack: string | undefined
  /** The states of the record in order, as far as they are known. */
  readonly history: readonly { readonly at: number; readonly state: string; readonly text: string | undefined }[]
}

/** The actions that a person may take on records. */
export type ActionName = 'retry' | 'discard' | 'run'

/** An action on records: those of `ids`, or all that match `filter`. `expected` is the number that the person was told. */
export interface ActionRequest {
  readonly action: ActionName
  readonly ids?: readonly string[]
  readonly filter?: JobFilter
  readonly expected: number
}

/** An action: who did what, and how far it is. */
export interface ActionView {
  readonly id: string
  readonly at: number
  /** The person, as `authorize` names them. */
  readonly who: string | undefined
  readonly action: ActionName | 'reveal'
  /** The records that the action is about, in words: `3 records`, `all failed records of "send-welcome"`. */
  readonly what: string
  readonly done: number
  /** Records that were not changed: another process was faster. */
  readonly unchanged: number
  readonly total: number
  readonly endedAt: number | undefined
  /** A person has ended the action before it was through. */
  readonly isCancelled: boolean
  /** The trouble in words. */
  readonly error: string | undefined
}

/** The answer to a request that is refused. */
export interface Refusal {
  readonly message: string
}
