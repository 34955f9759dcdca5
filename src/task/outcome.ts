import { AfterwordError } from '../errors.ts'
import type { NotAdded } from './record.ts'
import type { Task } from './task.ts'

/** What came of a task. */
export type Outcome<T = unknown> =
  | { readonly status: 'done'; readonly value: T }
  | { readonly status: 'failed'; readonly error: unknown }
  /** `after`: the timeout in ms. The function may still be going on; nobody waits for it. */
  | { readonly status: 'timed-out'; readonly after: number }
  | { readonly status: 'cancelled'; readonly reason: CancelReason }

/**
 * `cancel()` was called, `when` said no, a later task has the same name, `onError: 'stop'` skipped it, the host's time was up,
 * the journal refused its record, there is a call with its key already, the app's transaction that it was deferred in was rolled back, or
 * it is kept: until its retry, for whoever has room then, or for a later process.
 */
export type CancelReason = 'cancel' | 'when' | 'replaced' | 'stopped' | 'host' | NotAdded | 'kept'

export function isTrouble(outcome: Outcome): boolean {
  return outcome.status === 'failed' || outcome.status === 'timed-out'
}

/** What is reported of an outcome; nothing where all went as the caller asked. */
export function errorOf(task: Task, outcome: Outcome): AfterwordError | undefined {
  switch (outcome.status) {
    case 'failed':
      return new AfterwordError('AFTERWORD_TASK_FAILED', [task.title, task.attempt], { cause: outcome.error })
    case 'timed-out':
      return new AfterwordError('AFTERWORD_TASK_TIMED_OUT', [task.title, outcome.after, task.attempt])
    case 'cancelled':
      if (outcome.reason === 'stopped') return new AfterwordError('AFTERWORD_TASK_SKIPPED', [task.title])
      if (outcome.reason === 'host') return new AfterwordError('AFTERWORD_OUT_OF_TIME', [task.title])
      return undefined
    case 'done':
      return undefined
  }
}
