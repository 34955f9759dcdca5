import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FrameBuffer } from '../../src/journal/client/frame-buffer.ts'
import { LogFile } from '../../src/journal/client/log-file.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { acceptEntry } from '../../src/journal/files/log-format.ts'
import { isDamaged, readLog } from '../../src/journal/files/log-reader.ts'
import { openProcessSlot } from '../../src/journal/files/process-slot.ts'
import { segmentTailSize } from '../../src/journal/files/segment-tail.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { LogRecovery } from '../../src/journal/server/log-recovery.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import { Program } from '../support/program.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-log-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const tell = (code: string) => expect.unreachable(code)

const log = () => join(folder, '1.log')

/** A process that is killed while jobs run that it has deferred, one after another: each has a frame of its own in the log. */
async function leave(...what: string[]): Promise<void> {
  await using killed = await Sibling.start(folder, { options: { worker: false } })
  for (const each of what) {
    await killed.defer('hang', [each]).id
    await killed.ran(each)
  }
  await killed.kill()
}

/** Resolves when a new process has run the jobs. @returns its reports */
async function expectToRun(...what: string[]): Promise<string[]> {
  await using next = await Sibling.start(folder)
  await Promise.all(what.map((each) => next.ran(each)))
  // A record of a later call is recovered later.
  for (const each of what) next.let(each)
  return next.reports
}

/** The offset in the log at which a text stands. */
const offsetOf = (text: string) => readFileSync(log()).indexOf(text)

function overwrite(offset: number, bytes: Uint8Array): void {
  const contents = readFileSync(log())
  contents.set(bytes, offset)
  writeFileSync(log(), contents)
}

test('a process that keeps nothing has no log, and one whose jobs are all done leaves none', async () => {
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', () => {})
  expect(existsSync(log())).toBe(false)
  await Send.defer().outcome
  expect(existsSync(log())).toBe(true)
  await afterword.close()
  expect(existsSync(log())).toBe(false)
})

test('a job that is deferred just before process.exit() runs in the next process, and is not named as unfinished', async () => {
  await using ended = new Program(new URL('programs/exit.ts', import.meta.url), { args: [folder] })
  await ended.exited
  expect(ended.stderr).not.toContain('AFTERWORD_UNFINISHED')
  expect(await expectToRun('left')).toEqual([])
})

test('a record that is larger than a segment is kept', async () => {
  const large = 'x'.repeat(2_000_000)
  const before = new Afterword({ journal: folder, maxPayload: 3_000_000, shutdownTimeout: 0 })
  using _reports = new Reports()
  const Hang = before.job('send', (_text: string): unknown => new Promise(() => {}))
  await Hang.defer(large).accepted
  expect(readLog(log())?.pending.size).toBe(1)
  await before.close()
  await using after = new Afterword({ journal: folder })
  const ran = Promise.withResolvers<string>()
  after.job('send', (text: string) => ran.resolve(text))
  expect(await ran.promise).toBe(large)
})

test('a record that lives for long moves to the database, so that its segment can be used again', async () => {
  await using afterword = new Afterword({ journal: folder })
  const free = Promise.withResolvers<void>()
  const Hang = afterword.job('hang', (_what: string) => free.promise)
  const Send = afterword.job('send', (_text: string) => {})
  const task = Hang.defer('lives for long')
  await task.accepted
  const text = 'x'.repeat(10_000)
  const isInLog = () => [...(readLog(log())?.pending.values() ?? [])].some(([, job]) => job === 'hang')
  // As long as the log has it, more passes.
  do await Promise.all(Array.from({ length: 100 }, () => Send.defer(text).outcome))
  while (isInLog())
  {
    using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
    expect(database.prepare("SELECT args FROM afterword_records WHERE job = 'hang'").all()).toEqual([
      { args: '["lives for long"]' },
    ])
  }
  free.resolve()
  await task.outcome
  using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
  await expect.poll(() => database.prepare('SELECT 1 FROM afterword_records').all()).toEqual([])
})

test('what is only in the log of a living process, or of a dead one, is listed', async () => {
  await using living = await Sibling.start(folder, { options: { worker: false } })
  await living.defer('hang', ['there']).id
  await living.ran('there')
  const listed = async () => {
    await using inspector = new Inspector(folder)
    const records: unknown[] = []
    for await (const page of inspector.records()) records.push(...page)
    const [{ running = 0, pending = 0 } = {}] = await inspector.databases()
    return { records, running, pending }
  }
  const there = (state: string) => [expect.objectContaining({ job: 'hang', args: '["there"]', state })]
  // The process may have to list itself first.
  await expect.poll(listed, { timeout: 10_000 }).toEqual({ records: there('running'), running: 1, pending: 0 })
  await living.kill()
  expect(await listed()).toEqual({ records: there('pending'), running: 0, pending: 1 })
})

test('a log whose database is gone is recovered all the same', async () => {
  await leave('first', 'second')
  for (const name of readdirSync(folder)) if (name.startsWith('1.db')) rmSync(join(folder, name))
  expect(await expectToRun('first', 'second')).toEqual([])
})

test('a log is recovered page by page; one that can not be opened is not taken for an empty one', () => {
  const { lock, process } = openProcessSlot(folder)
  const file = new LogFile(log(), false, () => {})
  const frame = new FrameBuffer()
  const count = 3000
  const text = 'x'.repeat(500)
  for (let i = 1; i <= count; i++) {
    const args = `["${text}"]`
    frame.add(acceptEntry([process + i, 'send', 1, args, null, 0, 0, 0, 0, process, null]), args)
    if (!file.fits(frame.size)) file.advance(frame.size)
    file.write(frame)
  }
  file.close(false)
  expect(file.used.length).toBeGreaterThan(2)
  using own = openDatabase(join(folder, '1.db'), 'normal', tell)
  using shared = openDatabase(join(folder, 'shared.db'), 'normal', tell)
  const options = { process: process + 2 ** 44, sync: 'normal' as const }
  const table = new RecordTable(own, { ...options, store: 'own', adopted: true })
  const sharedTable = new RecordTable(shared, { ...options, store: 'shared' })
  const recovery = new LogRecovery(log(), lock.slot, table, () => sharedTable, tell)
  expect(recovery.step()).toBe(true)
  // A log that can't be opened is not taken for one that is empty.
  const failing = new LogRecovery(join(folder, 'shared.db', 'no.log'), lock.slot, table, () => sharedTable, tell)
  expect(() => failing.step()).toThrow('ENOTDIR')
  expect(() => failing.step()).toThrow('ENOTDIR')
  while (recovery.step());
  const stored = own.prepare('SELECT count(*) AS n FROM afterword_records').get()
  expect(stored).toEqual({ n: count })
  expect(existsSync(log())).toBe(false)
  lock.release()
})

test('a delay lasts no longer than it was given where the clock was set back before the recovery of a log', () => {
  const { lock, process } = openProcessSlot(folder)
  const file = new LogFile(log(), false, () => {})
  const frame = new FrameBuffer()
  const tomorrow = Date.now() + 86_400_000
  for (const [i, by] of [0, process].entries()) {
    frame.add(acceptEntry([process + 1 + i, 'send', 1, '[]', null, tomorrow, 0, tomorrow + 200, 200, by, null]), '[]')
  }
  file.advance(frame.size)
  file.write(frame)
  file.close(false)
  using own = openDatabase(join(folder, '1.db'), 'normal', tell)
  using shared = openDatabase(join(folder, 'shared.db'), 'normal', tell)
  const options = { process: process + 2 ** 44, sync: 'normal' as const }
  const table = new RecordTable(own, { ...options, store: 'own', adopted: true })
  const sharedTable = new RecordTable(shared, { ...options, store: 'shared' })
  const recovery = new LogRecovery(log(), lock.slot, table, () => sharedTable, tell)
  while (recovery.step());
  for (const database of [own, shared]) {
    const due = database.prepare('SELECT run_at AS due FROM afterword_records').all() as { due: number }[]
    expect(due).toHaveLength(1)
    expect(due[0]?.due).toBeLessThanOrEqual(Date.now() + 200)
  }
  lock.release()
})

describe('a damaged log', () => {
  test('a last frame that a kill has cut short, between two pages, is none: nothing is reported', async () => {
    const long = 'text '.repeat(2000)
    await leave('first', long)
    const offset = offsetOf(`["${long}"]`)
    const cut = Math.ceil(offset / 4096) * 4096
    overwrite(cut, Buffer.alloc(offset + long.length + 100 - cut))
    // The note that the frame was written follows the frame.
    overwrite(statSync(log()).size - segmentTailSize, Buffer.alloc(segmentTailSize))
    expect(await expectToRun('first')).toEqual([])
  })

  test('a last frame that was written in full is reported, also where it ends between two pages', async () => {
    const long = 'text '.repeat(2000)
    await leave('first', long)
    const offset = offsetOf(`["${long}"]`)
    const cut = Math.ceil(offset / 4096) * 4096
    overwrite(cut, Buffer.alloc(offset + long.length + 100 - cut))
    expect(await expectToRun('first')).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
  })

  test('a last frame whose end was overwritten in the midst of a page is reported', async () => {
    await leave('first', 'second')
    overwrite(offsetOf('["second"]'), Buffer.alloc(100))
    expect(await expectToRun('first')).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
  })

  test.each([
    ['its payload', (offset: number) => offset, 1],
    ['the head before it', (offset: number) => readFileSync(log()).lastIndexOf('[1,', offset) - 16, 4],
  ])(
    'a frame in the midst that has %s changed is reported, and the records around it run',
    async (_what, at, bytes) => {
      await leave('first', 'second', 'third')
      const offset = at(offsetOf('["second"]'))
      overwrite(
        offset,
        Buffer.from(readFileSync(log()).subarray(offset, offset + bytes)).map((byte) => byte ^ 0xff),
      )
      const contents = readLog(log())
      expect(contents && isDamaged(contents)).toBe(true)
      expect(await expectToRun('first', 'third')).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
      expect(readdirSync(folder).filter((name) => name.startsWith('1.log.damaged-'))).toHaveLength(1)
    },
  )
})

test('a log that can not be made refuses records, and reports their number', async () => {
  using reports = new Reports()
  const afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', (_n: number) => {})
  // The name of the log is taken.
  mkdirSync(log())
  const tasks = [1, 2, 3].map((n) => Send.defer(n))
  for (const { accepted } of tasks) {
    await expect(accepted).rejects.toMatchObject({ code: 'AFTERWORD_JOURNAL_REFUSED', status: 503 })
  }
  await afterword.close()
  const refusals = reports.all.filter(({ error }) => error.code === 'AFTERWORD_JOURNAL_REFUSED')
  expect(refusals).toHaveLength(2)
  expect(refusals[1]?.error.message).toContain('(2 records)')
})

test('sync: full, an app that keeps all threads of the pool of Node busy: the thread of the journal syncs the log', async () => {
  const env = { UV_THREADPOOL_SIZE: '1' }
  await using server = new Program(new URL('programs/busy-pool.ts', import.meta.url), { args: [folder], env })
  const { port } = await server.message<{ type: string; port: number }>('listening')
  const response = await fetch(`http://127.0.0.1:${port}`)
  expect([response.status, await response.text()]).toEqual([200, 'kept'])
})
