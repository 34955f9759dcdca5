import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { ProcessLock } from '../../src/journal/files/process-lock.ts'
import { openProcessSlot } from '../../src/journal/files/process-slot.ts'
import { ChangeWatch } from '../../src/journal/server/change-watch.ts'
import { ProcessDatabases } from '../../src/journal/server/process-databases.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-maintenance-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const open = (name: string) => new DatabaseSync(join(folder, `${name}.db`), { timeout: 5000 })
const tell = (code: string) => expect.unreachable(code)

/** Fills a database with failed records that failed long ago. */
function fail(name: string, records: number): void {
  using database = open(name)
  database.exec(`
    WITH RECURSIVE each (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM each WHERE i < ${records})
    INSERT INTO afterword_failed (key, job, version, args, options, created, attempt, singleton, reason, error, failed_at)
    SELECT i, 'send', 1, '["${'x'.repeat(300)}"]', NULL, 0, 1, NULL, 'failed', NULL, 0 FROM each;
    PRAGMA wal_checkpoint(TRUNCATE)`)
}

/** Makes the databases of a folder. */
async function begin(): Promise<void> {
  const afterword = new Afterword({ journal: folder })
  await afterword.job('send', () => {}).dispatch()
  await afterword.close()
}

test('old failures are forgotten page by page, and their space goes back to the disk while records are stored', async () => {
  await begin()
  fail('shared', 20_000)
  const size = () => statSync(join(folder, 'shared.db')).size
  const before = size()
  await using afterword = new Afterword({ journal: { path: folder, retention: 1000 } })
  const Send = afterword.job('send', () => {})
  const left = () => {
    using database = open('shared')
    return Number(database.prepare('SELECT count(*) AS n FROM afterword_failed').get()?.n)
  }
  const counts = new Set<number>()
  while (left() > 0) {
    counts.add(left())
    await Send.defer().accepted
  }
  // A statement for all of them would have shown two.
  expect(counts.size).toBeGreaterThan(2)
  while (size() > before / 10) await nextTurn()
})

test('the latest maxFailed failures stay listed, and the older ones are forgotten page by page', async () => {
  await begin()
  fail('shared', 5000)
  const left = () => {
    using database = open('shared')
    return database.prepare('SELECT key FROM afterword_failed ORDER BY failed_at DESC, key DESC').all()
  }
  const latest = left().slice(0, 30)
  {
    using database = open('shared')
    database.exec(`UPDATE afterword_failed SET failed_at = ${Date.now()} + key / 100`)
  }
  await using _afterword = new Afterword({ journal: { path: folder, maxFailed: 30 } })
  await expect.poll(() => left().length, { timeout: 20_000 }).toBe(30)
  expect(left()).toEqual(latest)
})

test('a process that ends hands its records to others page by page', () => {
  const { lock, process } = openProcessSlot(folder)
  using database = openDatabase(join(folder, 'shared.db'), 'normal', tell)
  const table = new RecordTable(database, { store: 'shared', process, sync: 'normal' })
  for (let i = 1; i <= 1200; i++) table.added.share([process + i, 'send', 1, '[]', null, 0, 0, 0, 0, process, null])
  const owned = () => Number(database.prepare('SELECT count(*) AS n FROM afterword_records WHERE owner > 0').get()?.n)
  const counts: number[] = []
  for (let isLast = false; !isLast; ) {
    isLast = table.upkeep.leave()
    counts.push(owned())
  }
  expect(counts).toEqual([700, 200, 0])
  lock.release()
})

test('damage in a large shared database is found while it is in use: it is moved aside and reported', async () => {
  await begin()
  fail('shared', 10_000)
  const path = join(folder, 'shared.db')
  const bytes = readFileSync(path)
  expect(bytes.length).toBeGreaterThan(2 * 2 ** 20)
  writeFileSync(path, bytes.fill('damage', bytes.length / 2, (3 * bytes.length) / 4))
  using reports = new Reports()
  const reported = reports.next
  await using afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  expect((await reported).error.code).toBe('AFTERWORD_JOURNAL_DAMAGED')
  await Send.with({ delay: 3_600_000 }).dispatch()
  using database = open('shared')
  await expect.poll(() => database.prepare('SELECT job FROM afterword_records').all()).toEqual([{ job: 'send' }])
  expect(readdirSync(folder).filter((name) => /^shared\.db\.damaged-.*Z$/.test(name))).toHaveLength(1)
  expect(reports.codes).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
})

describe('slots that were left without records', () => {
  /** A slot whose process has ended. */
  function leave(record: boolean): number {
    const { lock, process } = openProcessSlot(folder)
    using database = openDatabase(join(folder, `${lock.slot}.db`), 'normal', tell)
    const table = new RecordTable(database, { store: 'own', process, sync: 'normal' })
    if (record) table.added.insert([process + 1, 'send', 1, '[]', null, 0, 0, 0, 0, process, null])
    lock.release()
    return lock.slot
  }

  test('are looked into once, and again when a process has used them', () => {
    const own = openProcessSlot(folder)
    const slots = [...Array.from({ length: 3 }, () => openProcessSlot(folder))]
    for (const { lock } of slots) lock.release()
    const asked: number[] = []
    const options = { folder, process: own.process, sync: 'normal', retention: 0, maxFailed: 10, keyIds: [] } as const
    using file = openDatabase(join(folder, 'shared.db'), 'normal', tell)
    const shared = new RecordTable(file, { store: 'shared', process: own.process, sync: 'normal' })
    const databases = new ProcessDatabases(options, () => shared, tell, {
      orphaned: (slot) => asked.push(slot),
      released() {},
      restart: () => expect.unreachable(),
    })
    const inUse = { release: () => true, keep: new Set<number>() }
    const jobs = { known: [['send', 1]], shared: [] } as const
    const round = () => {
      asked.length = 0
      databases.update(jobs, inUse)
      for (const slot of asked) {
        databases.adopt(slot)
        while (databases.recover(slot));
      }
      databases.update(jobs, inUse)
      return [...asked]
    }
    for (let i = 0; i < 100; i++) expect(round()).toEqual([])
    expect(leave(true)).toBe(2)
    expect(round()).toContain(2)
    expect(databases.of(own.process + 2 ** 44)).toBeDefined()
    databases.close(Infinity)
    own.lock.release()
    expect(ProcessLock.take(folder, 2)?.release()).toBeUndefined()
  })
})

describe('a change of the shared database by another process', () => {
  test.each([
    ['is told by the system', 'shared.db'],
    ['is found where the system tells nothing', 'none.db'],
  ])('%s', async (_how, watched) => {
    await begin()
    using database = open('shared')
    database.prepare('SELECT count(*) FROM afterword_records').get()
    const version = () => Number(database.prepare('PRAGMA data_version').get()?.data_version)
    let seen = version()
    const changed = Promise.withResolvers<void>()
    const watch = new ChangeWatch(join(folder, watched), () => {
      if (version() === seen) return false
      seen = version()
      changed.resolve()
      return true
    })
    using other = open('shared')
    other.exec('INSERT INTO afterword_slots (slot, block) VALUES (400, 1)')
    await changed.promise
    watch.close()
    expect(existsSync(join(folder, 'none.db'))).toBe(false)
  })
})
