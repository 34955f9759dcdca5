import { AfterwordError } from '../errors.ts'
import type { Claimer } from '../task/record.ts'
import type { Channel, ChannelEvents } from './client/channel.ts'
import { Codec } from './client/codec.ts'
import { JournalClient, type JournalClientOptions } from './client/journal-client.ts'
import type { StoredRecord } from './client/stored-record.ts'
import { WriteQueue } from './client/write-queue.ts'
import { type AppDatabase, type Database, isBusy } from './files/database.ts'
import { locksOf, ProcessLock, slotsIn } from './files/process-lock.ts'
import { beginBlock, freeLocks, opening } from './files/process-slot.ts'
import { migrate } from './files/schema.ts'
import type { CommitGroup, ToServer } from './protocol.ts'
import type { Databases } from './server/databases.ts'
import { applyTransition } from './server/group-commit.ts'
import { JournalServer, type JournalServerOptions } from './server/journal-server.ts'
import { RecordTable } from './server/record-table.ts'

interface AppJournalOptions extends JournalClientOptions {
  readonly database: AppDatabase
}

/** For how many ms others may be writing when it is opened. */
const longestBusy = 5000
/** How often it is looked whether a transaction of the app has ended, in ms. */
const lookInterval = 1

/** Keeps records in tables of the app's own database, within whatever transaction of the app is open. All on the thread of the requests. */
export class AppDatabaseJournal extends JournalClient {
  readonly #queue: AppWriteQueue
  readonly #lock: ProcessLock | undefined

  /** @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER` */
  constructor(options: AppJournalOptions, owner: Claimer) {
    const { retention } = options
    const { database, locks, lock, process } = opening("the app's own database", () => openTables(options.database))
    const contents = new Codec(options)
    const store = new RecordTable(database, {
      store: 'shared',
      process,
      sync: undefined,
      isForeign: () => isInTransaction(options.database),
      keyIds: contents.keyIds,
    })
    super(process, (on) => new LocalChannel(databasesOf(store, locks), { process, retention }, on), contents, owner)
    this.#lock = lock
    this.#queue = new AppWriteQueue(options.database, store, (group) => this.post(group))
  }

  override async close(): Promise<void> {
    await super.close()
    this.#lock?.release()
  }

  protected override queue(): WriteQueue {
    return this.#queue
  }
}

/** Makes the tables of this release, and takes a slot. */
function openTables(given: AppDatabase) {
  const path = pathOf(given)
  const database = given.inTransaction === undefined ? given : byNumber(given)
  whenFree(() => migrate(database, path ?? ':memory:'))
  // Who lives is told by locks in files of their own: whoever closes a handle of a database drops all locks of its process on it.
  const locks = path === undefined ? undefined : locksOf(path)
  const lock = locks === undefined ? undefined : firstOf(freeLocks(locks))
  try {
    return { database, locks, lock, process: whenFree(() => beginBlock(database, lock?.slot ?? 1)) }
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** Calls `fn`. The app need not wait for others that are writing; at its start this does. */
function whenFree<T>(fn: () => T): T {
  for (
    const until = performance.now() + longestBusy;
    ;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  ) {
    try {
      return fn()
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error
    }
  }
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item
  return undefined
}

/** Slots are only locks there: all records are in the one database. */
function databasesOf(store: RecordTable, locks: string | undefined): Databases {
  return {
    own: store,
    shared: store,
    adopted: {
      tables: [],
      of: () => undefined,
      update(_jobs, taken) {
        for (const slot of locks === undefined ? [] : slotsIn(locks)) {
          const lock = ProcessLock.take(locks as string, slot)
          if (lock === undefined) continue
          try {
            taken(slot)
          } finally {
            lock.release()
          }
        }
      },
      adopt() {},
    },
    close() {},
  }
}

/** Accepts at once, in the transaction that is open or in one of its own; only what became of records is gathered. */
class AppWriteQueue extends WriteQueue {
  readonly #database: AppDatabase
  readonly #store: RecordTable
  readonly #tell: (message: ToServer) => void
  /** Stored in a transaction that may be rolled back. */
  #unsure: StoredRecord[] = []

  constructor(database: AppDatabase, store: RecordTable, post: (message: ToServer) => void) {
    super('shared', post)
    this.#tell = post
    this.#database = database
    this.#store = store
  }

  override accept(record: StoredRecord, values: CommitGroup['accepts']): void {
    let existing: number | undefined
    try {
      existing = this.#share(values as Parameters<RecordTable['share']>)
      if (this.#store.isNewBlock(record.recordId)) this.#store.beginBlock(record.recordId)
    } catch (error) {
      return record.refused(new AfterwordError('AFTERWORD_JOURNAL_REFUSED', [String(error)]))
    }
    if (existing !== undefined) return record.stored(existing)
    if (!isInTransaction(this.#database)) return this.#stored(record)
    record.enter()
    // A transaction that is not asynchronous has ended by the next microtask.
    if (this.#unsure.push(record) === 1) queueMicrotask(this.#look)
  }

  /** Whatever has ended lets its unique key go before another record asks for it. */
  #share(values: Parameters<RecordTable['share']>): number | undefined {
    const [, , , , , , , single] = values
    if (single !== null) this.flush()
    const existing = this.#store.share(...values)
    const end = existing === undefined ? undefined : this.endOf(existing)
    if (existing === undefined || end === undefined) return existing
    // Should the app's transaction be rolled back: it is on its way as well.
    if (end.failed === undefined) this.#store.done([existing])
    else applyTransition(this.#store, end.failed)
    return this.#store.share(...values)
  }

  readonly #look = (): void => {
    try {
      if (isInTransaction(this.#database)) return void setTimeout(this.#look, lookInterval)
      this.#decide()
    } catch (error) {
      if (isBusy(error)) return void setTimeout(this.#look, lookInterval)
      // The database is closed, say: nobody can tell.
      const refusal = new AfterwordError('AFTERWORD_JOURNAL_REFUSED', [String(error)])
      for (const record of this.#unsure.splice(0)) record.refused(refusal)
    }
  }

  /** The transaction has ended. */
  #decide(): void {
    for (let record = this.#unsure[0]; record !== undefined; record = this.#unsure[0]) {
      if (this.#store.has(record.recordId)) this.#stored(record)
      else record.rolledBack()
      this.#unsure.shift()
    }
  }

  #stored(record: StoredRecord): void {
    record.stored()
    // If it is for anybody, that may be this process.
    this.#tell({ type: 'look' })
  }
}

/** The way to a keeper on this very thread. */
class LocalChannel implements Channel {
  readonly up = true
  busy = false
  readonly #keeper: JournalServer

  constructor(ground: Databases, options: JournalServerOptions, on: ChannelEvents) {
    // Nobody is answered before the question was put.
    this.#keeper = new JournalServer(ground, options, (message) => queueMicrotask(() => on.message(message)))
  }

  post(message: ToServer): void {
    this.#keeper.receive(message)
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}
}

/** better-sqlite3 takes parameters that have numbers for named ones. */
function byNumber(database: Database): Database {
  const named = (values: unknown[]) => Object.fromEntries(values.map((value, i) => [i + 1, value])) as never
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql)
      if (!/\?\d/.test(sql)) return statement
      return {
        run: (...values) => statement.run(named(values)),
        get: (...values) => statement.get(named(values)),
        all: (...values) => statement.all(named(values)),
      }
    },
  }
}

function isInTransaction({ isTransaction, inTransaction }: AppDatabase): boolean {
  return isTransaction ?? inTransaction ?? false
}

/** `undefined` for a database in memory. */
function pathOf(database: AppDatabase): string | undefined {
  const path = database.location === undefined ? database.name : database.location()
  return path === null || path === ':memory:' || path === '' || database.memory ? undefined : path
}
