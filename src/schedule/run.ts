import { clearTimeout } from '../clock.ts'
import { AfterwordError } from '../errors.ts'
import { channels, isHeard, report } from '../events.ts'
import type { Outcome } from '../task/outcome.ts'
import type { Task } from '../task/task.ts'
import { setTimer } from '../timers.ts'
import type { Current } from './current.ts'
import { placeOf } from './defer-places.ts'
import { isThenable } from './thenable.ts'

/**
 * Runs one attempt of a task. Never throws, never rejects. A function that returns no promise costs none.
 * @returns the outcome of the attempt
 */
export function run(task: Task, current: Current): Outcome | Promise<Outcome> {
  const started = task.record?.markStarted()
  return started === undefined ? runNow(task, current) : started.then(() => runNow(task, current))
}

function runNow(task: Task, current: Current): Outcome | Promise<Outcome> {
  let outcome: Outcome | Promise<Outcome>
  try {
    outcome = current.enterCaller(task, attempt)
  } catch (error) {
    return { status: 'failed', error }
  }
  return outcome instanceof Promise ? withinTime(task, outcome) : outcome
}

function attempt(task: Task): Outcome | Promise<Outcome> {
  if (!isWanted(task)) return { status: 'cancelled', reason: 'when' }
  const { backlog, current } = task.scope.runner
  backlog.meter?.begins(task)
  if (isHeard('task:started')) channels['task:started'].publish({ task })
  task.recording?.began(task)
  const { hooks } = current
  const value = hooks === undefined ? task.call() : hooks.call(task)
  return isThenable(value) ? settled(value) : { status: 'done', value }
}

/** The `when` of a task lets it run. */
export function isWanted(task: Task): boolean {
  const { when } = task.definition.settings
  const { sent } = task.scope
  if (when === 'always' || sent === undefined) return true
  if (when === 'success') return sent.delivered && sent.status < 400
  return when(sent)
}

/** `await` survives what a thenable may do: throw, call back twice, pose as a promise. */
async function settled(value: PromiseLike<unknown>): Promise<Outcome> {
  try {
    return { status: 'done', value: await value }
  } catch (error) {
    return { status: 'failed', error }
  }
}

/** The first of the outcome and the end of the task's time. A rejection that comes after that is reported, not lost. */
function withinTime(task: Task, outcome: Promise<Outcome>): Promise<Outcome> {
  const timeout = Math.min(task.definition.settings.timeout, task.scope.timeLeft)
  const { context } = task
  return new Promise((resolve) => {
    let isOver = false
    const timer = setTimer(() => {
      isOver = true
      resolve({ status: 'timed-out', after: timeout })
      task.abort(timedOut(task, timeout))
    }, timeout)
    void outcome.then((outcome) => {
      clearTimeout(timer)
      if (!isOver) resolve(outcome)
      else if (outcome.status === 'failed') {
        report(new AfterwordError('AFTERWORD_LATE_REJECTION', [task.title], { cause: outcome.error }), task, context)
      }
    })
  })
}

/** Makes the error of a task whose time is up. */
export function timedOut(task: Task, after: number): AfterwordError {
  return new AfterwordError('AFTERWORD_TASK_TIMED_OUT', [task.title, after, task.attempt, placeOf(task)])
}
