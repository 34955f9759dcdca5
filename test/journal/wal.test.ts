import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/journal/files/database.ts'
import { isDamaged, keepDamagedWal } from '../../src/journal/files/wal.ts'
import { readCommitted } from '../../src/journal/files/wal-index.ts'
import { JournalFiles } from '../../src/journal/inspection/journal-files.ts'
import { Sibling } from './sibling.ts'

const pageSize = 4096
const frameSize = pageSize + 24
/** The offset of a frame, counted from 0. */
const frame = (number: number) => 32 + number * frameSize

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-wal-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const copies = ['', '-wal'] as const
const wal = (name: string) => join(folder, `${name}-wal`)

/** Copies a database that is in use: what a kill leaves behind. */
function copy(from: string, to: string): void {
  for (const part of copies) cpSync(join(folder, from) + part, join(folder, to) + part)
}

function open(name: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, name))
  database.exec('PRAGMA journal_mode = WAL')
  return database
}

/** Leaves a database called `left`, with five transactions in its WAL. */
function leave(fill: (database: DatabaseSync) => void = () => {}): Buffer {
  using database = open('live')
  database.exec('CREATE TABLE t (n INTEGER, text TEXT)')
  for (let n = 1; n < 5; n++) database.exec(`INSERT INTO t VALUES (${n}, '${'.'.repeat(3000)}')`)
  fill(database)
  copy('live', 'left')
  return readFileSync(wal('left'))
}

describe('isDamaged() of a WAL', () => {
  test('is false for one that a killed process has left, for an empty one, and for one that begins', () => {
    const bytes = leave()
    expect(bytes.length).toBeGreaterThan(frame(5))
    expect(isDamaged(bytes)).toBe(false)
    expect(isDamaged(Buffer.alloc(0))).toBe(false)
    expect(isDamaged(bytes.subarray(0, 32))).toBe(false)
  })

  test.each([
    ['in the head', 9],
    ["in the head's salt", 17],
    ["in a frame's page number", frame(1) + 3],
    ["in a frame's salt", frame(1) + 9],
    ["in a frame's checksum", frame(1) + 17],
    ["in a frame's page", frame(1) + 2000],
    ['in the page of an earlier transaction, counted from the end', -5 * frameSize - 100],
  ])('is true for one bit %s', (_, place) => {
    const bytes = leave()
    const at = place < 0 ? bytes.length + place : place
    bytes[at] = (bytes[at] as number) ^ 4
    expect(isDamaged(bytes)).toBe(true)
  })

  test('is false behind transactions that a kill has cut short, also where a shorter one was written over them', () => {
    leave((database) => {
      database.exec('BEGIN')
      for (let n = 10; n < 30; n++) database.exec(`INSERT INTO t VALUES (${n}, '${'.'.repeat(3000)}')`)
      database.exec('COMMIT')
    })
    // Without the frame of the commit.
    truncateSync(wal('left'), statSync(wal('left')).size - frameSize)
    expect(isDamaged(readFileSync(wal('left')))).toBe(false)
    using database = open('left')
    expect(database.prepare('SELECT max(n) AS n FROM t').get()).toEqual({ n: 4 })
    database.exec("INSERT INTO t VALUES (5, '')")
    copy('left', 'again')
    const bytes = readFileSync(wal('again'))
    expect(bytes.length).toBe(statSync(wal('left')).size)
    expect(isDamaged(bytes)).toBe(false)
  })

  test('is false where the WAL was begun anew over an earlier one', () => {
    using database = open('live')
    database.exec('CREATE TABLE t (n INTEGER, text TEXT)')
    for (let n = 1; n < 9; n++) database.exec(`INSERT INTO t VALUES (${n}, '${'.'.repeat(3000)}')`)
    database.exec('PRAGMA wal_checkpoint(RESTART)')
    database.exec("INSERT INTO t VALUES (9, '')")
    const bytes = readFileSync(wal('live'))
    expect(bytes.length).toBeGreaterThan(frame(8))
    expect(isDamaged(bytes)).toBe(false)
  })
})

describe('with the index that a killed process has left,', () => {
  /** Leaves a database with its index, and a transaction of one frame at the end. @returns its WAL */
  function leaveWithIndex(): Buffer {
    using database = open('live')
    database.exec('CREATE TABLE t (n INTEGER, text TEXT)')
    for (let n = 1; n < 5; n++) database.exec(`INSERT INTO t VALUES (${n}, '${'.'.repeat(3000)}')`)
    database.exec("INSERT INTO t VALUES (5, '')")
    copyWithIndex('live', 'left')
    return readFileSync(wal('left'))
  }

  function copyWithIndex(from: string, to: string): void {
    copy(from, to)
    cpSync(`${join(folder, from)}-shm`, `${join(folder, to)}-shm`)
  }

  /** Damages the WAL. @returns the files that keep it */
  function kept(bytes: Buffer | undefined): string[] {
    if (bytes === undefined) rmSync(wal('left'))
    else writeFileSync(wal('left'), bytes)
    const aside = keepDamagedWal(join(folder, 'left'))
    // A second look does not keep it again.
    expect(keepDamagedWal(join(folder, 'left'))).toBeUndefined()
    return aside === undefined ? [] : [aside]
  }

  test.each([
    [
      "a bit of the last transaction's page",
      (wal: Buffer) => wal.fill((wal.at(-100) as number) ^ 4, wal.length - 100, wal.length - 99),
    ],
    [
      "a bit of the last transaction's salt",
      (wal: Buffer) => wal.fill(0xa5, wal.length - frameSize + 8, wal.length - frameSize + 9),
    ],
    ['the sector of its commit', (wal: Buffer) => wal.fill(0, wal.length - frameSize, wal.length - frameSize + 512)],
    ['all of it, cut off', (wal: Buffer) => wal.subarray(0, -frameSize)],
    ['all but its head, cut off', (wal: Buffer) => wal.subarray(0, 32)],
    ['the whole WAL, emptied', () => Buffer.alloc(0)],
    ['the whole WAL, deleted', () => undefined],
  ])('damage is told: %s', (_, damage) => {
    const bytes = leaveWithIndex()
    expect(kept(bytes)).toEqual([])
    const damaged = damage(Buffer.from(bytes))
    const [aside] = kept(damaged)
    expect(readFileSync(aside as string)).toEqual(damaged ?? Buffer.alloc(0))
  })

  test('no damage is told where a kill has cut a transaction short, wherever', () => {
    using database = open('live')
    database.exec('CREATE TABLE t (n INTEGER, text TEXT)')
    for (let n = 1; n < 5; n++) database.exec(`INSERT INTO t VALUES (${n}, '${'.'.repeat(3000)}')`)
    // The index tells of a transaction once all its frames are written.
    copyWithIndex('live', 'left')
    const { size } = statSync(wal('left'))
    database.exec(`UPDATE t SET text = '${'-'.repeat(3000)}'`)
    const bytes = readFileSync(wal('live'))
    expect(bytes.length).toBeGreaterThan(size + 3 * frameSize)
    for (let cut = size; cut <= bytes.length; cut += 997) expect([cut, kept(bytes.subarray(0, cut))]).toEqual([cut, []])
  })

  test('no damage is told of a WAL that was written back and deleted, as by the last process that closes the database', () => {
    using database = open('live')
    database.exec('CREATE TABLE t (n INTEGER, text TEXT)')
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    copyWithIndex('live', 'left')
    expect(kept(undefined)).toEqual([])
  })

  test('an index that is damaged, or that of another WAL, tells nothing', () => {
    const bytes = leaveWithIndex()
    const index = readFileSync(join(folder, 'left-shm'))
    writeFileSync(join(folder, 'left-shm'), Buffer.from(index).fill(7, 0, 96))
    expect(kept(bytes.subarray(0, -frameSize))).toEqual([])
    writeFileSync(join(folder, 'left-shm'), Buffer.alloc(3))
    expect(kept(bytes.subarray(0, -frameSize))).toEqual([])
  })

  test('the index of a database that this process has open is left alone: its locks would be dropped', () => {
    using database = open('live')
    database.exec('CREATE TABLE t (n INTEGER)')
    expect(readCommitted(join(folder, 'live'))).toBeUndefined()
  })
})

test('openDatabase() keeps a copy of a damaged WAL, reports it once, and opens what is left', () => {
  const path = join(folder, 'journal.db')
  const reports: unknown[] = []
  const tell = (code: string, [file, aside]: readonly unknown[]) => reports.push([code, file, aside])
  const database = openDatabase(path, 'normal', tell)
  for (let slot = 1; slot < 5; slot++) database.exec(`INSERT INTO afterword_slots (slot, block) VALUES (${slot}, 1)`)
  copy('journal.db', 'left.db')
  database.close()
  const bytes = readFileSync(wal('left.db'))
  const place = bytes.length - 4 * frameSize + 1000
  bytes[place] = (bytes[place] as number) ^ 1
  writeFileSync(wal('left.db'), bytes)
  using left = openDatabase(join(folder, 'left.db'), 'normal', tell)
  using again = openDatabase(join(folder, 'left.db'), 'normal', tell)
  expect(reports).toEqual([
    ['AFTERWORD_JOURNAL_DAMAGED', wal('left.db'), expect.stringMatching(/left\.db-wal\.damaged-/)],
  ])
  const [[, , aside]] = reports as [[string, string, string]]
  expect(readFileSync(aside).equals(bytes)).toBe(true)
  const count = { count: expect.any(Number) }
  expect(left.prepare('SELECT count(*) AS count FROM afterword_slots').get()).toMatchObject(count)
  expect(again.prepare('SELECT count(*) AS count FROM afterword_slots').get()).toMatchObject(count)
})

test.each(['shared', '1'])(
  'a damaged WAL of %s.db is reported and kept, whoever opens the database first',
  async (name) => {
    const journal = join(folder, 'journal')
    {
      await using one = await Sibling.start(join(folder, 'before'), { options: { worker: false } })
      await one.dispatch('note', ['dispatched'], { delay: 3_600_000 })
      await one.close()
      using database = new DatabaseSync(join(folder, 'before', `${name}.db`))
      for (let slot = 400; slot < 406; slot++)
        database.exec(`INSERT INTO afterword_slots (slot, block) VALUES (${slot}, 1)`)
      cpSync(join(folder, 'before'), journal, { recursive: true })
    }
    const path = join(journal, `${name}.db-wal`)
    const bytes = readFileSync(path)
    bytes[frame(1) + 2000] = (bytes[frame(1) + 2000] as number) ^ 1
    writeFileSync(path, bytes)
    expect(isDamaged(bytes)).toBe(true)
    const kept = () => readdirSync(journal).filter((file) => file.startsWith(`${name}.db-wal.damaged-`))
    const copy = join(folder, 'copy')
    cpSync(journal, copy, { recursive: true })
    await using two = await Sibling.start(journal)
    await two.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_DAMAGED')
    expect(kept()).toHaveLength(1)
    // A look from outside is the first one as well, where no process lives.
    using files = new JournalFiles(copy)
    expect(files.unreadable.join()).toContain(`${name}.db-wal" is damaged: a copy`)
  },
)
