import type { DatabaseSync } from 'node:sqlite'
import { clock } from '../../clock.ts'
import { owner } from '../files/schema.ts'
import type { Holder } from './holders.ts'
import type { JournalFiles } from './journal-files.ts'
import type { PageQuery, RecordPage, ShownRecord } from './listed.ts'
import { readCursor, writeCursor } from './page-cursor.ts'
import { RecordReader } from './record-reader.ts'
import { type Part, type Position, RecordSource, type SourceQuery, type SourceRow } from './record-source.ts'

/** The time in ms after which no more records are looked through in vain: then the page ends, and the next one goes on from there. */
const longest = 200

/** The end of a page: the part that it is in, and the position in each source of it. */
interface Cursor {
  readonly part: Part
  readonly at: Readonly<Record<string, Position>>
}

const parts = ['failed', 'records'] as const

/**
 * The pages of the records of a journal: what has failed, then the others, the newest first. A page goes on where the one before it has ended, whatever
 * was added or removed meanwhile, and costs the same wherever it is.
 */
export class RecordPages {
  readonly #files: JournalFiles

  constructor(files: JournalFiles) {
    this.#files = files
  }

  *page(query: PageQuery): Generator<RecordPage> {
    this.#files.openNew()
    const reader = new RecordReader(this.#files)
    if (query.state === 'running') return yield this.#running(reader, query)
    const found = query.search === undefined ? undefined : [...reader.find(query.search)][0]
    if (found !== undefined) return yield { records: [this.#shown(found, undefined)], next: undefined }
    const records: ShownRecord[] = []
    let cursor = readCursor(query.cursor, isCursor) ?? { part: 'failed', at: {} }
    for (const part of parts.slice(parts.indexOf(cursor.part))) {
      if (part !== cursor.part) cursor = { part, at: {} }
      if ((query.state === 'failed') !== (part === 'failed') && query.state !== undefined) continue
      const next = this.#fill(records, reader, query, cursor)
      if (next !== undefined) return yield { records, next: writeCursor(next) }
    }
    yield { records, next: undefined }
  }

  /** Adds records of a part to a page. @returns the end of the page; `undefined` where the part has no more */
  #fill(records: ShownRecord[], reader: RecordReader, query: PageQuery, { part, at }: Cursor): Cursor | undefined {
    const sources = this.#sources(
      reader,
      part,
      { ...query, known: knownIn(reader), paused: reader.states.pausedJobs },
      at,
    )
    const end = (): Cursor => ({ part, at: Object.fromEntries(sources.map(({ name, position }) => [name, position])) })
    // Processes that do not answer have been waited for by now.
    const until = clock.now() + longest
    // A record that a log has told of may move to the shared database before that is read.
    const told = new Set<number>()
    for (;;) {
      for (const source of sources) if (!source.fill(until)) return end()
      const newest = sources.reduce<RecordSource | undefined>((best, source) => source.newerThan(best), undefined)
      const taken = newest?.take()
      if (taken === undefined) return undefined
      if (told.has(taken.row.key)) continue
      told.add(taken.row.key)
      const shown = this.#shown(reader.listed(taken.row, taken.holder), taken.row.owner)
      if (query.state === undefined || shown.state === query.state) records.push(shown)
      // Few of the rows may be in the state that is asked for.
      else if (clock.now() > until) return end()
      if (records.length === query.limit) return end()
    }
  }

  /** The records that run, which are few. */
  #running(reader: RecordReader, { job, search, limit }: PageQuery): RecordPage {
    const wanted = [...reader.records({ state: 'running', job })].flat()
    const matches = (text: string | undefined) =>
      search === undefined || text?.toLowerCase().includes(search.toLowerCase())
    const records = wanted.filter(({ id, job, key }) => matches(id) || matches(job) || matches(key))
    return { records: records.slice(0, limit), next: undefined }
  }

  #sources(reader: RecordReader, part: Part, query: SourceQuery, at: Cursor['at']): RecordSource[] {
    return [
      ...this.#files.each((database: DatabaseSync, name) => {
        const log = reader.log(database, name)
        const holder: Holder | undefined = log && reader.holders.bySlot(Number(name))
        const common = { part, query, position: at[name] }
        const source = RecordSource.ofDatabase(database, name, common)
        if (log === undefined) return [source]
        const logName = `${name}.log`
        return [source, RecordSource.ofLog(log, database, logName, holder, { ...common, position: at[logName] })]
      }),
    ]
  }

  #shown({ state, ...record }: Omit<ShownRecord, 'state'> & { state: ShownRecord['state'] }, of: SourceRow['owner']) {
    if (of === owner.queued && state === 'pending') return { ...record, state: 'queued' as const }
    const isLater = state === 'pending' && (record.runAt ?? 0) > clock.date()
    return { ...record, state: isLater ? ('later' as const) : state }
  }
}

function isCursor({ part, at }: Partial<Cursor>): boolean {
  return part !== undefined && parts.includes(part) && typeof at === 'object' && at !== null
}

/** The jobs that the living processes know, each with its latest version; `undefined` where none lives. */
function knownIn({ holders: { living } }: RecordReader): SourceQuery['known'] {
  return living.length === 0 ? undefined : living.flatMap(({ jobs }) => jobs)
}
