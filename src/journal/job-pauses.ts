import { InspectionThread, only } from './inspection/inspection-thread.ts'
import type { ChangedPause } from './inspection/listed.ts'

/**
 * The jobs of a journal are paused and resumed from outside, in a thread of its own, as `job.pause()` does it from inside.
 *
 *     await using pauses = new JobPauses('data/afterword')
 *     await pauses.set(['send-mail'], true)
 *
 * The first call throws an `Error` where there is no journal that can be read.
 */
export class JobPauses implements AsyncDisposable {
  readonly #thread: InspectionThread

  /** @param path the folder of a journal, or the file of an app's own database */
  constructor(path: string) {
    this.#thread = new InspectionThread(path)
  }

  /** A sentence for each database that can't be read, and is left out. */
  get unreadable(): readonly string[] {
    return this.#thread.unreadable
  }

  /** Pauses jobs in all processes, or resumes them. A living process learns of it within a second or so. */
  set(jobs: readonly string[], isPaused: boolean): Promise<ChangedPause[]> {
    return only(this.#thread.items('pauses', 'set', jobs, isPaused))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#thread[Symbol.asyncDispose]()
  }
}
