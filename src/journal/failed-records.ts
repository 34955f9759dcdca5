import { InspectionThread, only } from './inspection/inspection-thread.ts'
import type { Changed } from './inspection/listed.ts'

/**
 * The failed records of a journal are retried, and its records discarded, from outside, in a thread of its own.
 *
 *     await using failed = new FailedRecords('data/afterword')
 *     for await (const page of failed.retry(['dwq1k8o'])) console.log(page)
 *
 * The first call throws an `Error` where there is no journal that can be read.
 */
export class FailedRecords extends InspectionThread {
  count(): Promise<number> {
    return only(this.items('writer', 'count'))
  }

  /**
   * Makes failed records pending again, their attempts forgotten; all of them without `ids`. A living process claims them within a second
   * or so. A record stays failed where its unique key is another record's by now.
   */
  retry(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.items('writer', 'retry', ids)
  }

  /**
   * Deletes failed records; all of them without `ids`. With `ids`, also records that wait: pending, delayed, unknown, sealed or before a
   * retry. Throws an `Error` if the process that has a record does not answer.
   */
  discard(ids?: readonly string[]): AsyncGenerator<Changed[]> {
    return this.items('writer', 'discard', ids)
  }

  /** Makes records due that wait for a later time, in no process's memory. A living process claims them within a second or so. */
  run(ids: readonly string[]): AsyncGenerator<Changed[]> {
    return this.items('writer', 'run', ids)
  }
}
