import type { Deferred } from '../task/task.ts'

/**
 * A batch runs once for the items of many responses.
 *
 * @example
 * const Track: Batch<Event> = batch('track', (events: Event[]) => db.insert(events))
 * Track.defer(event)
 */
export interface Batch<T> {
  readonly name: string
  /** Adds an item after the response; outside a request, on the next turn. Its outcome is that of the run which has the item. */
  defer(item: T): Deferred<void>
  /**
   * Addresses a request by what its handler was given, for callbacks that may be called as code of another one: `LogVisits.in(req).defer(visit)`.
   * @throws AfterwordError `AFTERWORD_NOT_A_REQUEST`, by `defer`
   */
  in(address: object): Batch<T>
  /**
   * Pauses the batch, as `job.pause()` pauses a job: items are accepted and wait, and no run begins.
   * @throws AfterwordError `AFTERWORD_NOT_PAUSED` where that can't be stored, `AFTERWORD_CLOSED`
   */
  pause(): Promise<void>
  /** Ends a pause. @throws AfterwordError `AFTERWORD_NOT_PAUSED` where that can't be stored, `AFTERWORD_CLOSED` */
  resume(): Promise<void>
}

/**
 * The handler of a batch returns or throws a `BatchError`: these items failed, the others are done.
 *
 * @example
 * batch('push', async (messages: Message[]) => {
 *   const answers = await push.sendAll(messages)
 *   const failed = messages.filter((_, index) => !answers[index].ok)
 *   if (failed.length > 0) throw new BatchError(failed)
 * })
 */
export class BatchError<T = unknown> extends Error {
  override readonly name = 'BatchError'
  readonly items: readonly T[]

  constructor(items: readonly T[], options?: ErrorOptions) {
    super(`${items.length} items of a batch failed`, options)
    this.items = items
  }
}

/**
 * The handler of a batch: all items of a run in one array.
 *
 * @example
 * const insert: BatchHandler<Event> = (events) => db.insert(events)
 */
export type BatchHandler<T> = (items: T[]) => unknown
