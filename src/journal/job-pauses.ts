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
export class JobPauses extends InspectionThread {
  /** Pauses jobs in all processes, or resumes them. A living process learns of it within a second or so. */
  set(jobs: readonly string[], isPaused: boolean): Promise<ChangedPause[]> {
    return only(this.items('pauses', 'set', jobs, isPaused))
  }
}
