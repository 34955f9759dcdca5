import { clock } from '../../clock.ts'
import type { Ending, EndingWatch } from '../engine.ts'
import type { StoredCall } from '../stored-call.ts'
import { until } from '../until.ts'
import type { BullJob, BullPackage, BullWorker } from './bull.ts'
import type { RedisClient } from './redis.ts'

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
  readonly #redis: RedisClient
  #closed = false

  constructor(bull: BullPackage, watch: EndingWatch, redis: RedisClient) {
    this.#bull = bull
    this.#watch = watch
    this.#redis = redis
  }

  /** Resolves when the end is stored, is refused because the run is another worker's by now, or the instance is closed. */
  async settle(run: BullRun, ending: Ending): Promise<void> {
    if (ending.type === 'done') return this.#complete(run, ending)
    await this.#until(run, ending, () => move(run, ending))
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
  #complete(run: BullRun, ending: Ending): Promise<void> {
    const { job, done } = run
    const { promise, resolve } = Promise.withResolvers<void>()
    const complete = job.moveToCompleted.bind(job)
    job.moveToCompleted = async (...args) => {
      let next: unknown
      await this.#until(run, ending, async () => void (next = await complete(...args)))
      resolve()
      return next
    }
    done()
    return promise
  }

  /** Calls `fn` until it succeeds, or is refused for good. */
  async #until(run: BullRun, ending: Ending, fn: () => Promise<unknown>): Promise<void> {
    let isRefused = false
    const once = () =>
      fn().catch((error) => {
        if (!isFenced(error)) throw error
        isRefused = true
      })
    const failed = (error: unknown) => this.#watch.away(error)
    if (!(await until(once, { isOver: () => this.#closed, failed }))) return
    this.#watch.reached()
    const { name, id = '' } = run.job
    if (isRefused && (await this.#isLost(run, ending))) this.#watch.lost(name, id)
  }

  /** The end of the run is not there, for the claim is another worker's. An end is there whose answer was lost; a call may have been deleted. */
  async #isLost({ worker, job }: BullRun, ending: Ending): Promise<boolean> {
    if (ending.type === 'handed-back') return false
    try {
      const key = worker.toKey(job.id as string)
      const [text, finishedOn, stalled] = await this.#redis.hmget(key, 'data', 'finishedOn', 'stc')
      if (text == null) return false
      const { attempt = 0, heard } = JSON.parse(text) as Partial<StoredCall>
      if (ending.type === 'retried') return !(heard === job.stalledCounter && attempt >= ending.attempt)
      // Only a run that was taken for dead leaves its call to another one, and is counted then.
      return finishedOn == null || Number(stalled ?? 0) > job.stalledCounter
    } catch {
      return false
    }
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
