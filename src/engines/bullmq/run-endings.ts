import { clock } from '../../clock.ts'
import type { Ending, EndingWatch } from '../engine.ts'
import type { StoredCall } from '../stored-call.ts'
import { until } from '../until.ts'
import type { BullJob, BullPackage, BullWorker } from './bull.ts'

/** A run of a job, of which its worker waits to hear. */
export interface BullRun {
  readonly worker: BullWorker
  readonly job: BullJob
  /** The token fences the end of the run. */
  readonly token: string
  /** Lets the worker store that the job is done. */
  done(): void
  /** Lets the worker go on, for what becomes of the job is stored. */
  leave(error: Error): void
}

/** Stores the ends of runs. */
export class RunEndings {
  readonly #bull: BullPackage
  readonly #watch: EndingWatch
  #closed = false

  constructor(bull: BullPackage, watch: EndingWatch) {
    this.#bull = bull
    this.#watch = watch
  }

  /** Resolves when the end is stored, is refused because the run is another worker's by now, or the instance is closed. */
  async settle(run: BullRun, ending: Ending): Promise<void> {
    if (ending.type === 'done') return this.#complete(run)
    await this.#until(run.job, () => move(run, ending))
    run.leave(new this.#bull.WaitingError())
  }

  /** Tries nothing again any more. */
  close(): void {
    this.#closed = true
  }

  /**
   * The worker stores that a job is done, and takes the next one by the same command. Left to itself, it would list the job as failed where
   * Redis refuses that command for a while.
   */
  #complete({ job, done }: BullRun): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const complete = job.moveToCompleted.bind(job)
    job.moveToCompleted = async (...args) => {
      let next: unknown
      await this.#until(job, async () => void (next = await complete(...args)))
      resolve()
      return next
    }
    done()
    return promise
  }

  /** Calls `fn` until it succeeds, or is refused for good. */
  async #until({ name, id = '' }: BullJob, fn: () => Promise<unknown>): Promise<void> {
    const stored = await until(
      () =>
        fn().catch((error) => {
          if (!isFenced(error)) throw error
          this.#watch.lost(name, id)
        }),
      { isOver: () => this.#closed, failed: (error) => this.#watch.away(error) },
    )
    if (stored) this.#watch.reached()
  }
}

function move({ worker, job, token }: BullRun, ending: Exclude<Ending, { type: 'done' }>): Promise<unknown> {
  if (ending.type === 'handed-back') return job.moveToWait(token)
  const { attempt, error } = ending
  const reason = ending.type === 'failed' ? ending.reason : undefined
  const data = { ...(job.data as StoredCall), attempt, reason, heard: job.stalledCounter }
  const [failedReason = ''] = error.split('\n', 1)
  const fieldsToUpdate = { data: JSON.stringify(data), failedReason, stacktrace: JSON.stringify([error]) }
  const backend = worker.getBackend()
  if (ending.type === 'retried') {
    return backend.moveToDelayed(job.id as string, clock.date(), ending.delay, token, { fieldsToUpdate })
  }
  return backend.moveToFailed(job as never, failedReason, undefined as never, token, false, fieldsToUpdate)
}

/** BullMQ says by a code that a job is gone, or its run another worker's by now: no try will change that. */
function isFenced({ code }: Error & { code?: unknown }): boolean {
  return typeof code === 'number' && code < 0
}
