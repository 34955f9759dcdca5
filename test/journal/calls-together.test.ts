import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { logOf, type RecordRow } from '../../src/journal/files/log-format.ts'
import { tell } from '../../src/journal/files/process-slot.ts'
import { slotSize } from '../../src/journal/files/record-id.ts'
import { claimerOf, owner } from '../../src/journal/files/schema.ts'
import { OddRecords } from '../../src/journal/server/odd-records.ts'
import { DeadLog } from './dead-log.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-together-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const hour = 3_600_000

describe('lane, among processes,', () => {
  const settings = { knows: ['hang'], lanes: ['hang'] }

  /** The process that runs a call, and the other one. */
  async function runnerOf(what: string, siblings: readonly Sibling[], attempt = 1): Promise<Sibling> {
    return Promise.race(siblings.map((sibling) => sibling.ran(what, attempt).then(() => sibling)))
  }

  test('the calls of a lane run one at a time and in order, whatever process is killed', async () => {
    const siblings = await Promise.all([0, 1].map(() => Sibling.start(folder, settings)))
    const [a, b] = siblings as [Sibling, Sibling]
    for (const n of [1, 2, 3, 4]) await (n % 2 ? a : b).dispatch('hang', [`call ${n}`, 'one'])
    const first = await runnerOf('call 1', siblings)
    const other = first === a ? b : a
    const began = [...a.runs, ...b.runs]
    expect(began).toEqual(['call 1'])
    await first.kill()
    // The process that ran it has died: the call runs again, and the others still wait for it.
    await other.ran('call 1')
    for (const n of [1, 2, 3, 4]) {
      await other.ran(`call ${n}`)
      expect(other.runs).toEqual(Array.from({ length: n }, (_, i) => `call ${i + 1}`))
      other.let(`call ${n}`)
    }
    await other.close()
  })

  test('deferred calls wait for each other, too, and lanes go side by side', async () => {
    await using a = await Sibling.start(folder, settings)
    await using b = await Sibling.start(folder, settings)
    for (const n of [1, 2]) for (const lane of ['x', 'y']) await a.defer('hang', [`${lane}${n}`, lane]).id
    const both = [a, b]
    await Promise.all(['x1', 'y1'].map((what) => runnerOf(what, both)))
    expect([...a.runs, ...b.runs].toSorted()).toEqual(['x1', 'y1'])
    for (const sibling of both) sibling.let('x1')
    await runnerOf('x2', both)
    expect([...a.runs, ...b.runs].toSorted()).toEqual(['x1', 'x2', 'y1'])
  })
})

describe('debounce, among processes,', () => {
  test('the calls of all of them make one run, with the last arguments, also when the callers are killed', async () => {
    const limits = { note: { key: 'one', debounce: { quiet: 1500 } } }
    const a = await Sibling.start(folder, { limits, options: { worker: false } })
    const b = await Sibling.start(folder, { limits, options: { worker: false } })
    for (let n = 1; n <= 6; n++) await (n % 2 ? a : b).defer('note', [`call ${n}`]).id
    await Promise.all([a.kill(), b.kill()])
    await using c = await Sibling.start(folder, { limits })
    await c.ran('call 6')
    await c.close()
    expect(c.runs).toEqual(['call 6'])
  })

  test('a call that comes while another one runs makes a run of its own', async () => {
    await using a = await Sibling.start(folder, { limits: { hang: { key: 'one', debounce: { quiet: 1 } } } })
    await a.dispatch('hang', ['first'])
    await a.ran('first')
    await a.dispatch('hang', ['second'])
    await a.ran('second')
    a.let('first')
    a.let('second')
    await a.close()
    expect(a.runs).toEqual(['first', 'second'])
  })
})

describe('uniqueFor, among processes,', () => {
  test('the key stays taken when the process that ran the call was killed', async () => {
    const limits = { note: { key: 'one', uniqueFor: hour } }
    const a = await Sibling.start(folder, { limits })
    const first = a.defer('note', ['first'])
    expect(await first.outcome).toMatchObject({ status: 'done' })
    const id = await first.id
    // The end of the record is stored before that of a call which comes later.
    expect(await a.dispatch('note', ['again'])).toBe(id)
    await a.kill()
    await using b = await Sibling.start(folder, { limits })
    const second = b.defer('note', ['second'])
    expect(await second.outcome).toMatchObject({ status: 'cancelled', reason: 'duplicate' })
    expect(await second.id).toBe(id)
    expect([...a.runs, ...b.runs]).toEqual(['first'])
  })
})

describe('pause, among processes,', () => {
  test('no process begins a run until resume, also one that starts later, when the one that has paused was killed', async () => {
    const a = await Sibling.start(folder)
    await a.pause('note')
    const ids = [await a.defer('note', ['deferred']).id, await a.dispatch('note', ['dispatched'])]
    expect(new Set(ids).size).toBe(2)
    await a.kill()
    await using b = await Sibling.start(folder)
    // What waits for no pause runs: this process has looked at all that waits.
    await b.dispatch('other', ['other'])
    await b.ran('other')
    await b.defer('other', ['another']).outcome
    expect(b.runs).toEqual(['other', 'another'])
    await using c = await Sibling.start(folder, { knows: ['note'], options: { worker: false } })
    await c.pause('note', false)
    await Promise.all(['deferred', 'dispatched'].map((what) => Promise.race([b.ran(what), c.ran(what)])))
    expect([...a.runs, ...b.runs, ...c.runs].toSorted()).toEqual(['another', 'deferred', 'dispatched', 'other'])
  })
})

test('a database of version 3 is migrated: its records run, and have no lane', async () => {
  {
    await using afterword = new Afterword({ journal: folder })
    await afterword
      .job('old', () => {})
      .with({ delay: 1 })
      .dispatch()
    await afterword.close()
  }
  {
    using database = new DatabaseSync(join(folder, 'shared.db'))
    // The tables as version 3 has them.
    database.exec(`
      DROP TRIGGER afterword_lane_enter; DROP TRIGGER afterword_lane_leave; DROP INDEX afterword_lanes;
      ALTER TABLE afterword_records DROP COLUMN lane; ALTER TABLE afterword_records DROP COLUMN place;
      ALTER TABLE afterword_failed DROP COLUMN lane;
      DROP TABLE afterword_keys; DROP TABLE afterword_paused; DROP TABLE afterword_withdrawals; DROP TABLE afterword_running;
      UPDATE afterword SET version = 3;
      INSERT INTO afterword_failed SELECT key + 1000, job, version, args, options, created, 1, NULL, 'failed', 'no luck', created FROM afterword_records`)
    expect(database.prepare('SELECT count(*) AS n FROM afterword_records').get()).toEqual({ n: 1 })
  }
  await using afterword = new Afterword({ journal: folder })
  const ran = Promise.withResolvers<void>()
  afterword.job('old', () => ran.resolve())
  await ran.promise
  await afterword.close()
  using database = new DatabaseSync(join(folder, 'shared.db'))
  expect(database.prepare('SELECT version FROM afterword').get()).toEqual({ version: 4 })
  expect(database.prepare('SELECT count(*) AS n FROM afterword_records').get()).toEqual({ n: 0 })
  expect(database.prepare('SELECT lane, reason FROM afterword_failed').all()).toEqual([
    { lane: null, reason: 'failed' },
  ])
})

test('a record is no odd row, whoever owns it', () => {
  using database = openDatabase(join(folder, 'shared.db'), 'normal', tell)
  const odd = new OddRecords(database, undefined)
  const insert = database.prepare(`
    INSERT INTO afterword_records (key, job, version, args, created, attempt, run_at, delay, owner) VALUES (?, 'note', 1, '[]', 0, 0, 0, 0, ?)`)
  const owners = [...Object.values(owner), slotSize, claimerOf(slotSize)]
  for (const [n, by] of owners.entries()) insert.run(slotSize + n, by)
  expect(odd.find(1, Number.MAX_SAFE_INTEGER)).toEqual([])
  insert.run(slotSize + owners.length, Math.min(...owners) - 1)
  expect(odd.find(1, Number.MAX_SAFE_INTEGER)).toEqual([String(slotSize + owners.length)])
})

test('status().cancelled has no calls with a lane, or debounced ones, that the journal has taken', async () => {
  await using afterword = new Afterword({ journal: folder, worker: false })
  const Lane = afterword.job('lane', () => {}, { lane: () => 'one' })
  const Late = afterword.job('late', () => {}, { key: () => 'one', debounce: { quiet: hour, longest: hour } })
  const calls = [Late.defer(), Late.defer(), Lane.defer()]
  const outcomes = await Promise.all(calls.map(({ outcome }) => outcome))
  expect(outcomes).toEqual(calls.map(() => ({ status: 'cancelled', reason: 'kept' })))
  expect(afterword.status()).toMatchObject({ cancelled: 0, failed: 0 })
})

test('a record with a lane whose entry in the log is damaged is listed with its lane, and waits for it when it is retried', async () => {
  const dead = new DeadLog()
  const row = (n: number) => [...dead.row(n, owner.free), { lane: 'one' }] as unknown as RecordRow
  dead.accept(row(1))
  dead.accept(row(2))
  dead.accept(dead.row(99))
  dead.close()
  const log = logOf(dead.folder, 1)
  const bytes = readFileSync(log)
  // An argument of the second record.
  bytes[bytes.indexOf('\t[2]') + 2] = '7'.charCodeAt(0)
  writeFileSync(log, bytes)
  {
    await using afterword = new Afterword({ journal: dead.folder, worker: false })
    const adopted = Promise.withResolvers<void>()
    afterword.job('send', () => adopted.resolve(), { lane: () => 'one' })
    await adopted.promise
  }
  await using failed = new FailedRecords(dead.folder)
  for await (const changed of failed.retry([dead.id(2)])) expect(changed).toMatchObject([{ done: true }])
  using database = new DatabaseSync(join(dead.folder, 'shared.db'), { readOnly: true })
  const rows = database.prepare('SELECT key - ? AS n, lane, owner FROM afterword_records ORDER BY key').all(slotSize)
  expect(rows).toEqual([
    { n: 1, lane: 'one', owner: owner.free },
    { n: 2, lane: 'one', owner: owner.queued },
  ])
  rmSync(dead.folder, { recursive: true })
})
