import { setImmediate } from '../../clock.ts'
import type { Ending, EndingWatch } from '../engine.ts'
import type { StoredCall } from '../stored-call.ts'
import { until } from '../until.ts'
import { type Boss, type BossAttempt, type BossJob, hasChanged, hasChangedAll, inTransaction } from './boss.ts'
import { lostRuns } from './call-rows.ts'
import { failedFor } from './queue-options.ts'

/** Stores the ends of runs: those of one turn that are done together, and each that failed in a transaction. */
export class RunEndings {
  readonly #boss: Boss
  readonly #watch: EndingWatch
  /** Runs that are done, by their queue, until they are on their way. */
  readonly #done = new Map<string, { jobs: BossJob[]; stored: Promise<boolean> }>()
  #closed = false

  constructor(boss: Boss, watch: EndingWatch) {
    this.#boss = boss
    this.#watch = watch
  }

  /** Resolves when the end is stored: with `false` if the instance is closed before it could be. */
  settle(queue: string, job: BossJob, ending: Ending): Promise<boolean> {
    switch (ending.type) {
      case 'done':
        return this.#complete(queue, job)
      case 'retried': {
        const changed = { attempt: ending.attempt }
        return this.#until(() => this.#goOn(queue, job, changed, ending.delay, ending.error), queue, job)
      }
      case 'handed-back':
        return this.#until(() => this.#goOn(queue, job, {}, 0, 'handed back'))
      case 'failed':
        return this.#until(() => this.#fail(queue, job, ending), queue, job)
    }
  }

  /** Tries nothing again any more. */
  close(): void {
    this.#closed = true
  }

  #complete(queue: string, job: BossJob): Promise<boolean> {
    const group = this.#done.get(queue)
    if (group !== undefined) {
      group.jobs.push(job)
      return group.stored
    }
    const jobs = [job]
    const stored = new Promise<boolean>((resolve) => {
      setImmediate(() => {
        this.#done.delete(queue)
        resolve(this.#until(() => this.#completeNow(queue, jobs)))
      })
    })
    this.#done.set(queue, { jobs, stored })
    return stored
  }

  async #completeNow(queue: string, jobs: readonly BossJob[]): Promise<void> {
    const response = await this.#boss.complete(queue, jobs.map(attemptOf))
    if (!hasChangedAll(response, jobs.length)) await this.#tellLost(queue, jobs)
  }

  async #tellLost(queue: string, jobs: readonly BossJob[]): Promise<void> {
    const lost = await lostRuns(this.#boss, queue, jobs).catch(() => new Set<string>())
    for (const { id, data } of jobs)
      if (lost.has(id)) this.#watch.lost((data as Partial<StoredCall> | null)?.job ?? queue, id)
  }

  /** The call runs again. One transaction, so that no worker claims it in between. */
  #goOn(queue: string, job: BossJob, changed: object, delay: number, error: string): Promise<boolean> {
    return inTransaction(this.#boss, async (options) => {
      // Where nothing has changed, the run is another worker's by now.
      if (!hasChanged(await this.#boss.fail(queue, attemptOf(job), { error }, options))) return false
      const data = { ...(job.data as StoredCall), ...changed, heard: job.retryCount + 1 }
      await this.#boss.update(queue, data, { ...options, id: job.id, startAfter: `${delay / 1000} seconds` })
      return true
    })
  }

  /** The call has failed for good: pg-boss lists it as failed once no try is left. */
  #fail(queue: string, job: BossJob, { attempt, reason, error }: Ending & { type: 'failed' }): Promise<boolean> {
    const { id } = job
    return inTransaction(this.#boss, async (options) => {
      if (!hasChanged(await this.#boss.fail(queue, attemptOf(job), { error }, options))) return false
      const data = { ...(job.data as StoredCall), attempt, reason, heard: job.retryCount + 1 }
      await this.#boss.update(queue, data, { ...options, id, retryLimit: 0, deleteAfterSeconds: failedFor })
      await this.#boss.fail(queue, id, { error }, options)
      return true
    })
  }

  /**
   * Calls `fn` until it succeeds. @param fn resolves with `false` where nothing has changed @param job whose claim may be lost then
   * @returns false if it does not succeed
   */
  async #until(fn: () => Promise<unknown>, queue = '', job?: BossJob): Promise<boolean> {
    const failed = (error: unknown) => this.#watch.away(error)
    let changed: unknown
    const isStored = await until(async () => void (changed = await fn()), { isOver: () => this.#closed, failed })
    if (isStored) this.#watch.reached()
    if (changed === false && job !== undefined) await this.#tellLost(queue, [job])
    return isStored
  }
}

const attemptOf = ({ id, retryCount }: BossJob): BossAttempt => ({ id, retryCount })
