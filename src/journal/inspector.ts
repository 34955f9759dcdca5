import { InspectionThread, only } from './inspection/inspection-thread.ts'
import type {
  JobCounts,
  ListedDatabase,
  ListedRecord,
  Overview,
  PageQuery,
  RecordFilter,
  RecordPage,
} from './inspection/listed.ts'

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

  /** Reads a page of records: what has failed, then the others, the newest first. Throws an `Error` for a cursor that is none. */
  page(query: PageQuery): Promise<RecordPage> {
    return only(this.items('pages', 'page', query))
  }

  /** Counts the records by job and state, and tells of the processes. A million records take a second or so. */
  overview(): Promise<Overview> {
    return only(this.items('overview', 'read'))
  }

  find(id: string): Promise<ListedRecord | undefined> {
    return only(this.items('reader', 'find', id))
  }
}
