import { InspectionThread, only } from './inspection/inspection-thread.ts'
import type { JobCounts, ListedDatabase, ListedRecord, RecordFilter } from './inspection/listed.ts'

/**
 * An inspector reads a journal from outside, also from a process that serves requests: it works in a thread of its own. The processes of
 * the journal may be alive.
 *
 *     await using inspector = new Inspector('data/afterword')
 *     for await (const page of inspector.records({ state: 'failed' })) console.log(page)
 *
 * The first call throws an `Error` where there is no journal that can be read.
 */
export class Inspector extends InspectionThread {
  databases(): Promise<ListedDatabase[]> {
    return only(this.items('reader', 'databases'))
  }

  /** Counts the records that no process has in its memory, by job. */
  jobs(): Promise<JobCounts[]> {
    return only(this.items('counter', 'jobs'))
  }

  /** Yields pages: what has failed, then the others, each in the order in which they were deferred, database by database. */
  records(filter: RecordFilter = {}): AsyncGenerator<ListedRecord[]> {
    return this.items('reader', 'records', filter)
  }

  find(id: string): Promise<ListedRecord | undefined> {
    return only(this.items('reader', 'find', id))
  }
}
