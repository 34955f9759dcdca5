import { clock } from '../../clock.ts'
import type { Overview } from '../../journal/inspection/listed.ts'
import type { EncryptSettings } from '../../options/journal-options.ts'
import { type RecordReader, type RecordWriter, readerOf, writerOf } from '../../stores/record-store.ts'
import type { JobDetailsView, JobFilter, JobsPage } from '../views.ts'
import { RecordTexts } from './record-texts.ts'
import { jobDetails, jobView } from './record-views.ts'

/** The shortest time in ms between two overviews; and the share of the time that they may take of a processor. */
const shortest = 1000
const share = 0.1
/** The time in ms after which what is open of a store is closed, where nobody asks. */
const longestOpen = 30_000

/** The page of records that is asked for. */
export interface PageRequest extends JobFilter {
  readonly cursor?: string
  readonly limit: number
}

/** A desk lists records, and changes them. */
export interface Desk {
  /** The last overview, if there is one. Has the next one made when it is time. */
  readonly latest: Overview | undefined
  /** A sentence for each part that can't be read. */
  readonly unreadable: readonly string[]
  page(request: PageRequest): Promise<JobsPage>
  find(id: string, isRevealed: boolean): Promise<JobDetailsView | undefined>
  /** Calls a function with what changes records. */
  change<T>(call: (writer: Pick<RecordWriter, 'retry' | 'discard' | 'run'>) => Promise<T>): Promise<T>
  /** Closes what is open, where nobody has asked for a while. */
  closeIdle(): void
}

/** The desk of the records of a store: opens it when somebody asks, and closes it when nobody does. */
export class RecordDesk implements Desk, AsyncDisposable {
  readonly #place: string
  readonly #texts: RecordTexts
  /** The parts that are open. Pages and overviews have a thread each, so that no page waits until a million records are counted. */
  readonly #open = new Map<'pages' | 'overview' | 'writer', Promise<RecordReader | RecordWriter>>()
  #overview: Overview | undefined
  #overviewing: Promise<Overview> | undefined
  #nextOverview = 0
  #askedAt = 0
  #inUse = 0
  unreadable: readonly string[] = []

  /** @param place the folder of a journal, the file of an app's own database, or the URL of an engine */
  constructor(place: string, encrypt?: EncryptSettings) {
    this.#place = place
    this.#texts = new RecordTexts(encrypt)
  }

  get latest(): Overview | undefined {
    if (clock.now() > this.#nextOverview) this.#read().catch(() => {})
    return this.#overview
  }

  /** The last overview, or the first one. */
  async overview(): Promise<Overview> {
    return this.latest ?? this.#read()
  }

  async page({ cursor, limit, ...filter }: PageRequest): Promise<JobsPage> {
    const [{ counts }, { records, next }] = await Promise.all([
      this.overview(),
      this.#with('pages', (reader) => reader.page({ ...filter, cursor, limit })),
    ])
    const { job, state, search } = filter
    const matching = counts
      .filter((count) => (job === undefined || count.job === job) && (state === undefined || count.state === state))
      .reduce((sum, { count }) => sum + count, 0)
    const jobs = records.map((record) => jobView(record, this.#texts))
    return { jobs, next, counts, matching: search === undefined ? matching : undefined }
  }

  async find(id: string, isRevealed: boolean): Promise<JobDetailsView | undefined> {
    const [record] = (await this.#with('pages', (reader) => reader.page({ search: id, limit: 1 }))).records
    return record?.id === id ? jobDetails(record, this.#texts, isRevealed) : undefined
  }

  change<T>(call: (writer: RecordWriter) => Promise<T>): Promise<T> {
    return this.#with('writer', call)
  }

  closeIdle(): void {
    if (this.#open.size === 0 || this.#inUse > 0 || clock.now() - this.#askedAt < longestOpen) return
    // The overview is out of date when somebody asks again.
    this.#overview = undefined
    void this[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const part of open) await part.then((part) => part[Symbol.asyncDispose]()).catch(() => {})
  }

  #read(): Promise<Overview> {
    this.#overviewing ??= this.#readNow().finally(() => {
      this.#overviewing = undefined
    })
    return this.#overviewing
  }

  async #readNow(): Promise<Overview> {
    const began = clock.now()
    this.#nextOverview = Infinity
    try {
      this.#overview = await this.#with('overview', async (reader) => {
        const overview = await reader.overview()
        this.unreadable = reader.unreadable
        return overview
      })
      return this.#overview
    } catch (error) {
      this.unreadable = [(error as Error).message]
      throw error
    } finally {
      const took = clock.now() - began
      this.#nextOverview = clock.now() + Math.max(shortest, took / share)
    }
  }

  async #with<T>(part: 'pages' | 'overview', call: (reader: RecordReader) => Promise<T>): Promise<T>
  async #with<T>(part: 'writer', call: (writer: RecordWriter) => Promise<T>): Promise<T>
  async #with<T>(part: 'pages' | 'overview' | 'writer', call: (open: never) => Promise<T>): Promise<T> {
    this.#inUse++
    const opened = this.#open.get(part) ?? (part === 'writer' ? writerOf(this.#place) : readerOf(this.#place))
    this.#open.set(part, opened)
    try {
      return await call((await opened) as never)
    } catch (error) {
      // The next one who asks opens the store anew.
      if (this.#open.get(part) === opened) this.#open.delete(part)
      await opened.then((each) => each[Symbol.asyncDispose]()).catch(() => {})
      throw error
    } finally {
      this.#inUse--
      this.#askedAt = clock.now()
    }
  }
}
