import { setImmediate } from '../../clock.ts'
import type { Ending } from '../engine.ts'
import type { StoredCall } from '../stored-call.ts'
import { until } from '../until.ts'
import { type Boss, type BossAttempt, type BossJob, hasChanged, inTransaction } from './boss.ts'
import { failedFor } from './queue-options.ts'

/** The listener of what becomes of commands to the database. */
export interface BossWatch {
  away(error: unknown): void
  reached(): void
}

/** Stores the ends of runs: those of one turn that are done together, and each that failed in a transaction. */
export class RunEndings {
  readonly #boss: Boss
  readonly #watch: BossWatch
  /** Runs that are done, by their queue, until they are on their way. */
  readonly #done = new Map<string, { attempts: BossAttempt[]; stored: Promise<boolean> }>()
  #closed = false

  constructor(boss: Boss, watch: BossWatch) {
    this.#boss = boss
    this.#watch = watch
  }

  /** Resolves when the end is stored: with `false` if the instance is closed before it could be. */
  settle(queue: string, job: BossJob, ending: Ending): Promise<boolean> {
    const attempt = { id: job.id, retryCount: job.retryCount }
    switch (ending.type) {
      case 'done':
        return this.#complete(queue, attempt)
      case 'retried': {
        const changed = { attempt: ending.attempt }
        return this.#until(() => this.#goOn(queue, job, changed, ending.delay, ending.error))
      }
      case 'handed-back':
        return this.#until(() => this.#goOn(queue, job, {}, 0, 'handed back'))
      case 'failed':
        return this.#until(() => this.#fail(queue, job, ending))
    }
  }

  /** Tries nothing again any more. */
  close(): void {
    this.#closed = true
  }

  #complete(queue: string, attempt: BossAttempt): Promise<boolean> {
    const group = this.#done.get(queue)
    if (group !== undefined) {
      group.attempts.push(attempt)
      return group.stored
    }
    const attempts = [attempt]
    const stored = new Promise<boolean>((resolve) => {
      setImmediate(() => {
        this.#done.delete(queue)
        resolve(this.#until(() => this.#boss.complete(queue, attempts)))
      })
    })
    this.#done.set(queue, { attempts, stored })
    return stored
  }

  /** The call runs again. One transaction, so that no worker claims it in between. */
  #goOn(queue: string, job: BossJob, changed: object, delay: number, error: string): Promise<void> {
    return inTransaction(this.#boss, async (options) => {
      // Where nothing has changed, the run is another worker's by now.
      if (!hasChanged(await this.#boss.fail(queue, attemptOf(job), { error }, options))) return
      const data = { ...(job.data as StoredCall), ...changed, heard: job.retryCount + 1 }
      await this.#boss.update(queue, data, { ...options, id: job.id, startAfter: `${delay / 1000} seconds` })
    })
  }

  /** The call has failed for good: pg-boss lists it as failed once no try is left. */
  #fail(queue: string, job: BossJob, { attempt, reason, error }: Ending & { type: 'failed' }): Promise<void> {
    const { id } = job
    return inTransaction(this.#boss, async (options) => {
      if (!hasChanged(await this.#boss.fail(queue, attemptOf(job), { error }, options))) return
      const data = { ...(job.data as StoredCall), attempt, reason, heard: job.retryCount + 1 }
      await this.#boss.update(queue, data, { ...options, id, retryLimit: 0, deleteAfterSeconds: failedFor })
      await this.#boss.fail(queue, id, { error }, options)
    })
  }

  /** Calls `fn` until it succeeds. @returns false if it does not */
  async #until(fn: () => Promise<unknown>): Promise<boolean> {
    const failed = (error: unknown) => this.#watch.away(error)
    const isStored = await until(fn, { isOver: () => this.#closed, failed })
    if (isStored) this.#watch.reached()
    return isStored
  }
}

const attemptOf = ({ id, retryCount }: BossJob): BossAttempt => ({ id, retryCount })
