import { resolve } from 'node:path'
import { clock, queueMicrotask, setTimeout } from '../clock.ts'
import type { AppDatabase } from '../options/app-database.ts'
import type { Claimer, Journal } from '../task/record.ts'
import { AppDatabaseClient, isInTransaction } from './client/app-database-client.ts'
import type { Channel, ChannelListener } from './client/channel.ts'
import { takeOver } from './client/closed-slots.ts'
import { Codec, type CodecOptions } from './client/codec.ts'
import type { RecordQueue } from './client/record-queue.ts'
import { Refusals } from './client/refusals.ts'
import { SlotLocks } from './client/slot-locks.ts'
import type { StoredRecord } from './client/stored-record.ts'
import { WriteQueue } from './client/write-queue.ts'
import { asPlain, byNumber } from './files/app-statements.ts'
import type { RecordRow } from './files/log-format.ts'
import { pause } from './files/pause.ts'
import { locksOf, ProcessLock, slotsIn } from './files/process-lock.ts'
import { beginBlock, freeLocks, opening } from './files/process-slot.ts'
import { slotOf } from './files/record-id.ts'
import { migrate } from './files/schema.ts'
import { isBusy, isReading } from './files/sqlite-errors.ts'
import type { FromServer, ServerOptions, ToServer } from './protocol.ts'
import type { Databases } from './server/databases.ts'
import { applyTransition } from './server/group-commit.ts'
import { JournalServer } from './server/journal-server.ts'
import { RecordTable } from './server/record-table.ts'

interface AppDatabaseJournalOptions extends CodecOptions {
  readonly database: AppDatabase
  /** The time in ms for which failed records stay listed. */
  readonly retention: number
  /** The most failed records that stay listed, in each database. */
  readonly maxFailed: number
}

/** The time in ms for which other processes may write to the database when the journal is opened. */
const longestBusy = 5000
/** The interval in ms at which the queue looks whether a transaction of the app has ended. */
const lookInterval = 1

/**
 * Opens a journal in tables of the app's own database. Records are added in a transaction of the app, if one is open; all of it happens
 * on the thread of the requests.
 * @throws AfterwordError `AFTERWORD_JOURNAL_FOLDER`, `AFTERWORD_JOURNAL_NEWER`
 */
export function openAppDatabaseJournal(options: AppDatabaseJournalOptions, claimer: Claimer): Journal {
  const { retention, maxFailed } = options
  const { database, folder, lock, process } = opening("the app's own database", () => openTables(options.database))
  const codec = new Codec(options)
  const table = new RecordTable(database, {
    store: 'shared',
    process,
    sync: undefined,
    isForeign: () => isInTransaction(options.database),
    keyIds: codec.keyIds,
  })
  const channel = new LocalChannel(databasesOf(table, folder, pathOf(options.database)), {
    process,
    retention,
    maxFailed,
  })
  const queue = new AppWriteQueue(options.database, table, channel)
  const parts = {
    process,
    channel,
    queues: { own: queue, shared: queue },
    accepting: queue,
    codec,
    locks: new SlotLocks(undefined, lock),
  }
  return new AppDatabaseClient(options.database, parts, claimer)
}

/** Makes the tables of this release, and takes a slot. */
function openTables(given: AppDatabase) {
  const path = pathOf(given)
  const plain = asPlain(given)
  const database = given.inTransaction === undefined ? plain : byNumber(plain)
  whenFree(() => migrate(database, path ?? ':memory:'))
  // The locks of living processes are files of their own: closing one handle of a database drops all locks of its process on it.
  const folder = path === undefined ? undefined : locksOf(path)
  if (folder !== undefined) takeOver(folder)
  const lock = folder === undefined ? undefined : firstOf(freeLocks(folder))
  lock?.keep()
  try {
    return { database, folder, lock, process: whenFree(() => beginBlock(database, lock?.slot ?? 1)) }
  } catch (error) {
    lock?.release()
    throw error
  }
}

/** Calls `fn`, and waits while other processes write to the database, which happens at the start only. */
function whenFree<T>(fn: () => T): T {
  for (const until = clock.now() + longestBusy; ; pause(10)) {
    try {
      return fn()
    } catch (error) {
      if (!isBusy(error) || clock.now() > until) throw error
    }
  }
}

function firstOf<T>(items: Iterable<T>): T | undefined {
  for (const item of items) return item
  return undefined
}

/** The databases of the server: all records are in the one table, and slots are only locks. */
function databasesOf(table: RecordTable, folder: string | undefined, file: string | undefined): Databases {
  return {
    own: table,
    shared: table,
    tables: [table],
    sharedFile: file,
    setAside: () => false,
    owned: {
      tables: [],
      of: () => undefined,
      update(_jobs, { release }) {
        for (const slot of folder === undefined ? [] : table.otherSlots) {
          const lock = ProcessLock.tryTake(folder as string, slot)
          if (lock === undefined) continue
          try {
            release(slot)
          } finally {
            lock.release()
          }
        }
        return false
      },
      adopt: () => undefined,
      recover: () => false,
      isRecovering: () => false,
      areRecovering: false,
    },
    withdrawLeft: (slot, recordId) => (folder === undefined ? false : withdrawLeft(table, folder, slot, recordId)),
    loggedSlots: [],
    recoverLeft() {},
    close() {},
  }
}

/** As in `Databases`: the locks tell which processes have died. */
function withdrawLeft(table: RecordTable, folder: string, slot: number, recordId: number): boolean | undefined {
  if (!slotsIn(folder).includes(slot)) return false
  const lock = ProcessLock.take(folder, slot)
  if (lock === undefined) return undefined
  try {
    const isDead = (process: number) => slotOf(process) === slot
    return table.atomically(() => table.withdrawals.withdraw(recordId, isDead)) === 'withdrawn'
  } finally {
    lock.release()
  }
}

/** The write queue adds a record at once, in the app's transaction or in one of its own. Only transitions are committed in groups. */
class AppWriteQueue extends WriteQueue implements RecordQueue {
  readonly #database: AppDatabase
  readonly #table: RecordTable
  readonly #channel: Channel
  readonly #refusals = new Refusals()
  /** Records in a transaction that may be rolled back. */
  #unsure: StoredRecord[] = []
  /** Records that wait until the app has read the rows of a query. */
  readonly #delayed: [record: StoredRecord, row: RecordRow][] = []

  constructor(database: AppDatabase, table: RecordTable, channel: Channel) {
    super('shared', channel)
    this.#database = database
    this.#table = table
    this.#channel = channel
  }

  accept(record: StoredRecord, row: RecordRow): void {
    if (this.#accept(record, row)) return
    // A loop over the rows has ended by the next microtask, unless it waits for something.
    if (this.#delayed.push([record, row]) === 1) queueMicrotask(this.#acceptDelayed)
  }

  /** @returns false where the app reads the rows of a query, and is in no transaction in which the record should be */
  #accept(record: StoredRecord, row: RecordRow): boolean {
    let existing: number | undefined
    try {
      existing = this.#share(row, record.otherKeys)
      if (this.#table.isNewBlock(record.recordId)) this.#table.beginBlock(record.recordId)
    } catch (error) {
      if (isReading(error) && !isInTransaction(this.#database)) return false
      record.refused(this.#refusals.add(String(error)))
      return true
    }
    this.#added(record, existing)
    return true
  }

  readonly #acceptDelayed = (): void => {
    for (let next = this.#delayed[0]; next !== undefined; next = this.#delayed[0]) {
      // The records are in no transaction that has begun since.
      if (isInTransaction(this.#database) || !this.#accept(...next)) {
        return void setTimeout(this.#acceptDelayed, lookInterval)
      }
      this.#delayed.shift()
    }
  }

  #added(record: StoredRecord, existing: number | undefined): void {
    if (existing !== undefined) {
      record.forwarded(existing)
      return record.stored()
    }
    if (!isInTransaction(this.#database)) return this.#stored(record)
    record.enter()
    // A transaction that is not asynchronous has ended by the next microtask.
    if (this.#unsure.push(record) === 1) queueMicrotask(this.#look)
  }

  /** Records that have ended let their unique keys go before another record asks for those. */
  #share(row: RecordRow, otherKeys: string | null): number | undefined {
    if (row[10] !== null) this.flush()
    const existing = this.#table.added.share(row, otherKeys)
    const end = existing === undefined ? undefined : this.endOf(existing)
    if (existing === undefined || end === undefined) return existing
    // The transition is on its way as well, should the app's transaction be rolled back.
    if (end.failed === undefined) this.#table.done([existing])
    else applyTransition(this.#table, end.failed)
    return this.#table.added.share(row, otherKeys)
  }

  readonly #look = (): void => {
    try {
      if (isInTransaction(this.#database)) return void setTimeout(this.#look, lookInterval)
      this.#decide()
    } catch (error) {
      if (isBusy(error)) return void setTimeout(this.#look, lookInterval)
      // The app may have closed the database: then nothing tells what became of the records.
      for (const record of this.#unsure.splice(0)) record.refused(this.#refusals.add(String(error)))
    }
  }

  /** The transaction has ended. */
  #decide(): void {
    for (let record = this.#unsure[0]; record !== undefined; record = this.#unsure[0]) {
      if (this.#table.has(record.recordId)) this.#stored(record)
      else record.rolledBack()
      this.#unsure.shift()
    }
  }

  #stored(record: StoredRecord): void {
    record.stored()
    // This process may run the record, if any may.
    this.#channel.post({ type: 'look' })
  }
}

/** The channel to a server on the thread of the requests. */
class LocalChannel implements Channel {
  readonly up = true
  busy = false
  readonly #databases: Databases
  readonly #options: ServerOptions
  #server: JournalServer | undefined

  constructor(databases: Databases, options: ServerOptions) {
    this.#databases = databases
    this.#options = options
  }

  open(listener: ChannelListener): void {
    // The server answers at once; the client expects no answer while it still asks.
    const tell = (message: FromServer) => queueMicrotask(() => listener.message(message))
    this.#server = new JournalServer(this.#databases, this.#options, tell)
  }

  post(message: ToServer): void {
    this.#server?.receive(message)
  }

  async ready(): Promise<void> {}

  async close(): Promise<void> {}
}

/** The path of a database; `undefined` for one in memory. */
function pathOf(database: AppDatabase): string | undefined {
  const path = database.location === undefined ? database.name : database.location()
  // better-sqlite3 has the path as it was given; the app may change its directory later.
  return !path || path === ':memory:' || database.memory ? undefined : resolve(path)
}
