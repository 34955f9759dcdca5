import type { Scheduler } from './scheduler.ts'

/**
 * A task that has no outcome.
 *
 * @example
 * const { left } = await instance().drain()
 * for (const { name, id, kept } of left) console.warn(name, id, kept ? 'runs later' : 'is lost')
 */
export interface UnfinishedTask {
  readonly id: string
  readonly name: string
  /** The task is stored, and runs in a later process. */
  readonly kept: boolean
}

/**
 * The report of a drain: how many tasks were done, and how many failed or timed out, while it lasted.
 *
 * @example
 * const { done, failed, left } = await instance().drain({ timeout: 5_000 })
 */
export interface DrainReport {
  readonly done: number
  readonly failed: number
  readonly left: readonly UnfinishedTask[]
}

/** Resolves when no task is left, or after `timeout` ms. Retries are tried at once, and batches do not wait for more items. */
export async function drain(scheduler: Scheduler, timeout: number): Promise<DrainReport> {
  const { backlog, lifecycle } = scheduler
  const before = { ...backlog.ended }
  await lifecycle.drain(() => {
    scheduler.completion.retryNow()
    for (const buffer of scheduler.buffers) buffer.flush()
    return backlog.emptied(timeout)
  })
  const { done, failed, timedOut } = backlog.ended
  const left = Array.from(backlog.tasks(), ({ id, name, record }) => ({ id, name, kept: record?.isAccepted ?? false }))
  return { done: done - before.done, failed: failed - before.failed + timedOut - before.timedOut, left }
}
