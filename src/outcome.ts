import { AfterwordError } from './errors.ts'
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
 * the journal refused its record, or it is kept for the next process, since this one ends while it waits for a retry.
 */
export type CancelReason = 'cancel' | 'when' | 'replaced' | 'stopped' | 'host' | 'refused' | 'kept'

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
