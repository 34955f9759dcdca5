import { FailedRecords } from '../journal/failed-records.ts'
import type {
  Changed,
  JobCounts,
  ListedDatabase,
  ListedRecord,
  Overview,
  PageQuery,
  RecordFilter,
  RecordPage,
} from '../journal/inspection/listed.ts'
import { Inspector } from '../journal/inspector.ts'
import { engineOf } from './engine-url.ts'

/** The part of a store that is looked at or changed. */
export interface StorePart extends AsyncDisposable {
  /** A sentence for each database that can't be read, and is left out. */
  readonly unreadable: readonly string[]
}

/** The records of a journal or an engine, seen from outside. */
export interface RecordReader extends StorePart {
  databases(): Promise<ListedDatabase[]>
  /** The records that no process has in its memory, by job; an engine has a queue for each job. */
  jobs?(): Promise<JobCounts[]>
  records(filter: RecordFilter): AsyncGenerator<ListedRecord[]>
  find(id: string): Promise<ListedRecord | undefined>
  /** Reads a page of records, the newest first. Throws an `Error` for a cursor that is none. */
  page(query: PageQuery): Promise<RecordPage>
  /** Counts the records by job and state, and tells of the processes. */
  overview(): Promise<Overview>
}

/** The changes of records that a person may make. */
export interface RecordWriter extends StorePart {
  count(): Promise<number>
  retry(ids?: readonly string[]): AsyncGenerator<Changed[]>
  discard(ids?: readonly string[]): AsyncGenerator<Changed[]>
  /** Makes records due that wait for a later time. */
  run(ids: readonly string[]): AsyncGenerator<Changed[]>
}

/** Opens the store at a place: the folder of a journal, the file of an app's own database, or the URL of an engine. */
export async function readerOf(place: string): Promise<RecordReader> {
  return openEngine(place) ?? new Inspector(place)
}

/** Opens the store at a place, to change it. */
export async function writerOf(place: string): Promise<RecordWriter> {
  return openEngine(place) ?? new FailedRecords(place)
}

/** Opens an engine; `undefined` if the place is no URL of one. */
function openEngine(place: string): Promise<RecordReader & RecordWriter> | undefined {
  switch (engineOf(place)) {
    case 'pg-boss':
      return openBoss(place)
    case 'BullMQ':
      return openBull(place)
    case undefined:
      return undefined
  }
}

// The commands on a journal load nothing of an engine.

async function openBoss(url: string) {
  const { BossInspector } = await import('../engines/pg-boss/boss-inspector.ts')
  return BossInspector.open(url)
}

async function openBull(url: string) {
  const { BullInspector } = await import('../engines/bullmq/bull-inspector.ts')
  return BullInspector.open(url)
}
