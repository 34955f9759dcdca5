import { errorText } from '../error-text.ts'

/**
 * The outcome of a task, or of one of its attempts.
 *
 * @example
 * const outcome = await defer(save, order).outcome
 * if (outcome.status === 'failed') console.error(outcome.error)
 */
export type Outcome<T = unknown> =
  | { readonly status: 'done'; readonly value: T }
  | { readonly status: 'failed'; readonly error: unknown }
  /** `after`: the timeout in ms. The function may still be going on; nobody waits for it. */
  | { readonly status: 'timed-out'; readonly after: number }
  | { readonly status: 'cancelled'; readonly reason: CancelReason }

/** The reason why the journal did not add a record: a refusal, the same unique key, or the app's transaction was rolled back. */
export type NotAdded = 'refused' | 'duplicate' | 'rolled-back'

/**
 * The reason why a task did not run: it was cancelled, its time was past (`expires`), `when` said no, a later task has the same name, `onError: 'stop'` skipped
 * the task, the host's time was up, the journal did not add the record, or the record is kept: for a retry, for a worker with room, or
 * for a later process.
 *
 * @example
 * const outcome = await deferred.outcome
 * if (outcome.status === 'cancelled' && outcome.reason === 'replaced') return // a later task of that name ran
 */
export type CancelReason = 'cancel' | 'expired' | 'when' | 'replaced' | 'stopped' | 'host' | NotAdded | 'kept'

/** The attempt did not succeed. */
export function isTrouble(outcome: Outcome): boolean {
  return outcome.status === 'failed' || outcome.status === 'timed-out'
}

/** Makes the text of an attempt that did not succeed, as it is stored. */
export function troubleText(outcome: Outcome): string {
  return outcome.status === 'timed-out'
    ? `after ${outcome.after} ms`
    : errorText((outcome as { error?: unknown }).error)
}
