import { clearTimeout } from '../clock.ts'
import { errorText } from '../error-text.ts'
import { AfterwordError } from '../errors.ts'
import { channels, isHeard, report } from '../events.ts'
import type { Lifecycle } from '../lifecycle.ts'
import { lostThis } from '../lost-this.ts'
import type { RunLimiter } from '../task/definition.ts'
import { type CancelReason, isTrouble, type Outcome } from '../task/outcome.ts'
import type { JobRecord } from '../task/record.ts'
import { retriesOf, retryDelay } from '../task/retry.ts'
import type { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'
import type { Backlog } from './backlog.ts'
import type { Current } from './current.ts'
import { knownPlace } from './defer-places.ts'
import { timedOut } from './run.ts'

/** The reasons for which a task is cancelled that is in order itself. */
const byCaller: ReadonlySet<CancelReason> = new Set(['cancel', 'replaced', 'stopped', 'host', 'when'])

/** The number of failed attempts of a kept task after which a drain does not hurry the next one. */
const mostHurried = 5
/** The most characters of an error in a line. */
const mostOfError = 200

/** The completion ends attempts: a task is tried again later, or has its outcome. */
export class Completion {
  readonly #backlog: Backlog
  readonly #current: Current
  readonly #lifecycle: Lifecycle
  readonly #retries = new Map<Task, NodeJS.Timeout>()

  constructor(backlog: Backlog, current: Current, lifecycle: Lifecycle) {
    this.#backlog = backlog
    this.#current = current
    this.#lifecycle = lifecycle
  }

  /** Ends an attempt. @returns whether its outcome is that of the task */
  complete(task: Task, outcome: Outcome): boolean {
    const delay = isTrouble(outcome) ? delayOf(task, outcome) : undefined
    this.#backlog.meter?.ends(task)
    task.recording?.attempted(task, outcome)
    // A claim waits for its retry elsewhere, whatever time the host gives to this run.
    if (delay !== undefined && (task.record?.isClaim || delay <= task.scope.timeLeft)) {
      this.#retry(task, outcome, delay)
      return false
    }
    task.record?.finish(outcome, task.attempt, task.definition.settings.uniqueFor)
    this.#end(task, outcome)
    return true
  }

  /** Cancels a task. @returns false if the task has begun, or is for any process */
  cancel(task: Task, reason: CancelReason): boolean {
    if (task.state !== 'waiting' || (task.record?.hasLeft && byCaller.has(reason))) return false
    const outcome: Outcome = { status: 'cancelled', reason }
    this.#stopWaiting(task)
    task.record?.finish(outcome, task.attempt)
    this.#end(task, outcome)
    return true
  }

  /** Drops a task whose record is kept: the record waits for a later time, or for another process. */
  unload(task: Task): void {
    this.#stopWaiting(task)
    this.#end(task, { status: 'cancelled', reason: 'kept' })
  }

  /** Unloads the stored tasks that wait for their retry: a later process tries them again. */
  unloadRetries(): void {
    for (const task of [...this.#retries.keys()]) if (task.record?.isAccepted) this.unload(task)
  }

  /** Leaves the stored tasks to a later process that wait for the rate of their job, for however long that is: an instance that ends does not wait for them. */
  leaveLimited(): void {
    const limiters = new Set<RunLimiter | undefined>()
    for (const task of [...this.#backlog.tasks()]) {
      if (task.state === 'waiting' && this.leaves(task)) limiters.add(task.definition.limiter)
    }
    // Other tasks of their scopes wait behind them.
    for (const limiter of limiters) limiter?.retry()
  }

  /** Leaves a stored task that could begin to a later process, where the instance ends and the task has to wait, or the journal is closed. @returns whether the task is left */
  leaves(task: Task): boolean {
    const { record, definition } = task
    if (record === undefined || !this.#lifecycle.isPast('draining')) return false
    const waits = record.isAccepted && definition.limiter?.isSpent
    if (!waits && !this.#lifecycle.isPast('stopping')) return false
    this.unload(task)
    return true
  }

  /** Hands the claims back that have not begun: other processes run them while this one ends. */
  handBackClaims(): void {
    for (const task of [...this.#backlog.tasks()]) {
      if (task.state === 'waiting' && task.record?.handBackEarly()) this.unload(task)
    }
  }

  /** Unloads the stored tasks that have not begun. */
  unloadWaiting(): void {
    for (const task of [...this.#backlog.tasks()]) {
      if (task.record?.isAccepted && task.state === 'waiting') this.unload(task)
    }
  }

  /** The stored records whose tasks run. */
  get runningRecords(): JobRecord[] {
    return [...this.#backlog.tasks()].flatMap(({ state, record }) =>
      state === 'running' && record?.isAccepted ? [record] : [],
    )
  }

  /** The number of tasks that wait for their retry. */
  get retrying(): number {
    return this.#retries.size
  }

  isRetrying(task: Task): boolean {
    return this.#retries.has(task)
  }

  /** Tries the tasks that wait for their retry again at once, for a drain. */
  retryNow(): void {
    for (const task of [...this.#retries.keys()]) if (this.#isHurried(task)) this.#tryAgain(task)
  }

  /** A drain does not use up the attempts of a kept task, which may need hours. */
  #isHurried({ record, attempt }: Task): boolean {
    return this.#lifecycle.hasDrains && (record === undefined || attempt <= mostHurried)
  }

  /** Counts, tells and forgets, in this order: a listener and a caller find the counters up to date. */
  #end(task: Task, outcome: Outcome): void {
    this.#backlog.end(task, outcome)
    this.#backlog.meter?.outcome(task, outcome)
    task.recording?.ended(task, outcome)
    task.state = 'ended'
    const channel = channels['task:ended']
    if (isHeard('task:ended')) this.#current.enterCaller(task, () => channel.publish({ task, outcome }))
    const { internal, buffer } = task.definition
    const error = internal || buffer?.runsTasks ? undefined : errorOf(task, outcome)
    const { context } = task
    // A task that has ended has no function by which its place is known.
    const place = error !== undefined && isHeard('report') ? knownPlace(task) : undefined
    task.end(outcome)
    task.scope.remove(task)
    if (error !== undefined) report(error, task, context, place)
  }

  #retry(task: Task, outcome: Outcome, delay: number): void {
    task.record?.retry(task.attempt, delay, outcome)
    this.#backlog.meter?.retries(task)
    task.recording?.retries(task)
    const channel = channels['task:retrying']
    if (isHeard('task:retrying')) this.#current.enterCaller(task, () => channel.publish({ task, outcome, delay }))
    const isLeft = this.#lifecycle.isPast('draining') && task.record?.isAccepted
    // A journal that is closed has left the record to other processes.
    const isKept = task.record !== undefined && !this.#lifecycle.isPast('stopping')
    // A batch fails for many items at once, and makes a report of its own in the end.
    const isItem = task.definition.buffer?.runsTasks
    if (isKept && !isItem && task.attempt === 1) report(retriedError(task, outcome, delay), task)
    if (task.record?.isClaim || isLeft) return this.unload(task)
    // The scope moves on meanwhile; the new attempt stands at the end of the queue.
    task.state = 'waiting'
    this.#backlog.retry(task)
    task.scope.track(task)
    const timer = setTimer(() => this.#tryAgain(task), this.#isHurried(task) ? 0 : delay)
    this.#retries.set(task, timer)
  }

  #tryAgain(task: Task): void {
    this.#stopWaiting(task)
    task.makeDue()
    task.scope.push(task)
  }

  #stopWaiting(task: Task): void {
    clearTimeout(this.#retries.get(task))
    this.#retries.delete(task)
  }
}

/** Computes the delay before the next attempt, in ms; `undefined` for none. */
function delayOf(task: Task, outcome: Outcome): number | undefined {
  const { attempt, definition, record } = task
  const error = outcome.status === 'failed' ? outcome.error : undefined
  try {
    return retryDelay(definition.settings, { attempt, error, isKept: record !== undefined })
  } catch (cause) {
    report(new AfterwordError('AFTERWORD_CALLBACK_FAILED', ['backoff', ''], { cause }), task)
    return undefined
  }
}

/**
 * Makes the error of an attempt that another one follows, in one line. Of a kept task the first such failure is reported: hours may pass until the
 * last one, which is reported in full.
 */
function retriedError(task: Task, outcome: Outcome, delay: number): AfterwordError {
  const retries = retriesOf(task.definition.settings, true)
  const more = retries === 1 ? '' : `, up to ${retries} times in all`
  const values = [task.title, inOneLine(task, outcome), Math.ceil(delay), more]
  return new AfterwordError('AFTERWORD_TASK_RETRIED', values)
}

function inOneLine(task: Task, outcome: Outcome): string {
  if (outcome.status === 'timed-out') return `it did not end within ${outcome.after} ms`
  const { error } = outcome as { error?: unknown }
  const line = errorText(error).split('\n', 1)[0] as string
  return (line.length > mostOfError ? `${line.slice(0, mostOfError)}…` : line) + lostThis(task.fn, error)
}

/** Makes the error that is reported for an outcome; none where all went as the caller asked. */
function errorOf(task: Task, outcome: Outcome): AfterwordError | undefined {
  switch (outcome.status) {
    case 'failed':
      return new AfterwordError('AFTERWORD_TASK_FAILED', [task.title, task.attempt, lostThis(task.fn, outcome.error)], {
        cause: outcome.error,
      })
    case 'timed-out':
      return timedOut(task, outcome.after)
    case 'cancelled':
      if (outcome.reason === 'stopped') return new AfterwordError('AFTERWORD_TASK_SKIPPED', [task.title])
      if (outcome.reason === 'host') return new AfterwordError('AFTERWORD_OUT_OF_TIME', [task.title])
      return undefined
    case 'done':
      return undefined
  }
}
