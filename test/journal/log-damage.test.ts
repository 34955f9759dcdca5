import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Segment } from '../../src/journal/client/log-file.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { acceptEntry, endMarkSize, entry, frameHeadSize, type RecordRow } from '../../src/journal/files/log-format.ts'
import { failuresOf, isDamaged, type LogContents, readLog } from '../../src/journal/files/log-reader.ts'
import { blockSize, slotSize } from '../../src/journal/files/record-id.ts'
import { owner } from '../../src/journal/files/schema.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { LogRecovery } from '../../src/journal/server/log-recovery.ts'
import { RecordTable } from '../../src/journal/server/record-table.ts'
import { FramedLog } from './framed-log.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-damage-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const path = () => join(folder, '1.log')
const first = slotSize

const accept = (n: number, version = 1) => {
  const args = `["job-${n}"]`
  return acceptEntry([first + n, 'send', version, args, null, 0, 0, 0, 0, first, null]) + args
}
const done = (...n: number[]) => JSON.stringify([entry.done, ...n.map((each) => first + each)])
const synced = ({ sequence, frame }: Segment) => JSON.stringify([entry.synced, sequence, frame - 1])

const pendingIn = (contents: LogContents | undefined) =>
  [...(contents?.pending.keys() ?? [])].map((id) => id - first).sort((a, b) => a - b)

/** The databases to which the log of slot 1 is moved, and the codes of the reports. */
class Recovered implements Disposable {
  readonly told: string[] = []
  readonly #tell = (code: string) => void this.told.push(code)
  readonly own = openDatabase(join(folder, '1.db'), 'normal', this.#tell)
  readonly shared = openDatabase(join(folder, 'shared.db'), 'normal', this.#tell)

  recover(): void {
    const options = { process: 2 * slotSize, sync: 'normal' as const }
    const table = new RecordTable(this.own, { ...options, store: 'own', adopted: true, slot: 1 })
    const shared = new RecordTable(this.shared, { ...options, store: 'shared' })
    const recovery = new LogRecovery(path(), 1, table, () => shared, this.#tell)
    while (recovery.step());
  }

  [Symbol.dispose](): void {
    this.own.close()
    this.shared.close()
  }
}

/** Changes bytes of the log. */
function damage(offset: number, length: number, change: (byte: number) => number): void {
  const file = openSync(path(), 'r+')
  const bytes = Buffer.alloc(length)
  readSync(file, bytes, 0, length, offset)
  writeSync(file, bytes.map(change), 0, length, offset)
  closeSync(file)
}

const flip = (byte: number) => byte ^ 1

describe('segments of a log with sync: full', () => {
  test('a segment is used again only when a head that no longer counts it is synced', () => {
    const log = new FramedLog(path(), true)
    const { file } = log
    const [one, two] = [log.write(true, accept(1)), log.write(true, done(1))]
    file.beginSync()()
    // The log answers for no record in the first segment.
    file.recycle()
    const three = log.write(true, accept(3))
    const four = log.write(true, accept(4))
    expect([two, three, four].map(({ offset }) => offset)).not.toContain(one.offset)
    file.beginSync()()
    expect(log.write(true, accept(5)).offset).toBe(one.offset)
  })

  test('after a sync that failed, nothing is written to the segments that it concerns; new ones are used again from their beginning', () => {
    const log = new FramedLog(path(), true)
    const kept = log.write(true, accept(1))
    log.file.beginSync()()
    log.write(false, accept(2))
    log.file.syncFailed()
    expect(log.file.fits(1)).toBe(false)
    const next = log.write(true, accept(3))
    expect(next.offset).not.toBe(kept.offset)
    log.file.syncFailed()
    // Nothing of it was synced: the log does not grow with each sync that fails.
    expect(log.write(true, accept(4)).offset).toBe(next.offset)
    const contents = readLog(path())
    // The second record was refused.
    expect(pendingIn(contents)).toEqual([1, 4])
    expect(contents && isDamaged(contents)).toBe(false)
  })

  test('several segments that one failed sync gives up are no gap, and their records do not count', () => {
    const log = new FramedLog(path(), true)
    log.write(true, accept(1))
    log.file.beginSync()()
    for (const n of [2, 3, 4]) log.write(true, accept(n))
    log.file.syncFailed()
    const next = log.write(true, accept(5))
    log.file.beginSync()()
    log.write(false, synced(next))
    const contents = readLog(path())
    expect(contents && isDamaged(contents)).toBe(false)
    expect(pendingIn(contents)).toEqual([1, 5])
  })

  test('a segment behind which others are given up takes no frame any more', () => {
    const log = new FramedLog(path(), true)
    log.write(true, accept(1))
    log.file.beginSync()()
    log.write(true, accept(2))
    log.file.syncFailed()
    expect(log.file.fits(1)).toBe(false)
  })

  test('frames that a failed sync has lost are no damage, whatever is synced later', () => {
    const log = new FramedLog(path(), true)
    const { used } = log.write(true, accept(1))
    log.file.beginSync()()
    log.write(false, accept(2))
    log.write(false, accept(3))
    log.file.syncFailed()
    damage(used, 40, flip)
    const next = log.write(true, accept(4))
    log.file.beginSync()()
    log.write(false, synced(next))
    const contents = readLog(path())
    expect(contents && isDamaged(contents)).toBe(false)
    expect(pendingIn(contents)).toEqual([1, 4])
  })

  test('a segment that is left before its first frame is no gap, and no sync covers it', () => {
    const log = new FramedLog(path(), true)
    const first = log.write(true, accept(1))
    log.file.advance(100)
    const left = log.file.current as Segment
    log.file.beginSync()()
    expect([first, left].map((segment) => segment.synced)).toEqual([1, -1])
    const next = log.write(true, accept(2))
    expect(next.offset).toBe(left.offset)
    log.file.beginSync()()
    log.write(false, synced(next))
    const contents = readLog(path())
    expect(contents && isDamaged(contents)).toBe(false)
    expect(pendingIn(contents)).toEqual([1, 2])
  })

  test('a sync that ends after a segment of it is used again does not count for the new use', () => {
    const log = new FramedLog(path(), true)
    const one = log.write(true, accept(1))
    log.write(true, accept(2))
    const ended = log.file.beginSync()
    // The record of the first segment was refused while the sync was under way.
    log.file.recycle()
    const again = log.write(true, accept(3))
    expect(again).toBe(one)
    ended()
    expect(again.synced).toBe(-1)
  })

  test('a head that a power cut has torn hides no frame that was synced, and brings back nothing that has ended', () => {
    const log = new FramedLog(path(), true)
    const one = log.write(true, accept(1))
    log.write(true, done(1))
    log.file.beginSync()()
    log.file.recycle()
    const three = log.write(true, accept(3))
    log.write(false, synced(three))
    log.file.beginSync()()
    const reused = log.write(true, accept(4))
    expect(reused.offset).toBe(one.offset)
    damage(reused.offset, 40, () => 0x7a)
    const contents = readLog(path())
    // Of the frames behind the head that do check, none is lost either.
    expect(pendingIn(contents)).toEqual([3, 4])
    expect(contents && isDamaged(contents)).toBe(false)
  })

  test('a damaged head of the newest segment is found by what was synced behind it, and its records are read', () => {
    const log = new FramedLog(path(), true)
    log.write(true, accept(1))
    log.file.beginSync()()
    const newest = log.write(true, accept(2))
    log.file.beginSync()()
    log.write(false, synced(newest))
    damage(newest.offset + 20, 1, flip)
    const contents = readLog(path())
    expect(contents && isDamaged(contents)).toBe(true)
    expect(pendingIn(contents)).toEqual([1, 2])
  })
})

describe('a log with one damaged byte', () => {
  test('each record is pending, or listed as damaged, wherever the byte is', () => {
    const log = new FramedLog(path(), false)
    log.write(true, accept(1), accept(2))
    log.write(false, accept(3))
    log.write(false, accept(4), accept(5))
    log.file.close(false)
    const { used } = log.file.current as Segment
    const silent: unknown[] = []
    for (let offset = 0; offset < used; offset++) {
      for (const bit of [0x01, 0x40]) {
        damage(offset, 1, (byte) => byte ^ bit)
        const contents = readLog(path()) as LogContents
        const pending = pendingIn(contents)
        const listed = [...failuresOf(contents).keys()].map((id) => id - first)
        const isReported = isDamaged(contents)
        // A frame whose own head or entry is damaged may be listed by less than all of it, but never lost without a word.
        if (pending.length < 5 && !isReported) silent.push({ offset, bit, pending, listed })
        if (isReported && !pending.every((n) => n >= 1 && n <= 5)) silent.push({ offset, bit, pending })
        damage(offset, 1, (byte) => byte ^ bit)
      }
    }
    expect(silent).toEqual([])
  })

  test('a record in a damaged frame is listed as failed, and does not run; the others run', async () => {
    {
      await using killed = await Sibling.start(folder, { options: { worker: false } })
      for (const what of ['one', 'two']) {
        await killed.defer('hang', [what]).id
        await killed.ran(what)
      }
      await killed.kill()
    }
    // The last frame, which nothing follows.
    damage(readFileSync(path()).indexOf('["two"]') + 2, 1, flip)
    await using next = await Sibling.start(folder)
    await next.ran('one')
    await next.program.message('report')
    expect(next.reports).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
    await using inspector = new Inspector(folder)
    const failed: unknown[] = []
    for await (const page of inspector.records({ state: 'failed' })) failed.push(...page)
    expect(failed).toEqual([expect.objectContaining({ job: 'hang', reason: 'damaged' })])
    expect(next.runs).toEqual(['one'])
  })
})

const pageSize = 4096

describe('the last frame of a segment, which no other one follows,', () => {
  /** Some pages of text. */
  const long = 'text '.repeat(2000)

  /** Writes two frames, the second of which is long or short, in a segment that is new or used again. @returns its place, and the files without and with it */
  function twoFrames(isNew: boolean, filler: string) {
    const log = new FramedLog(path(), false)
    const entryOf = (n: number) => accept(n).replace('["job-', `["${filler}job-`)
    // The frames of the second use have the places and the sizes of those of the first one.
    const use = (from: number) => {
      const { offset } = log.write(true, accept(from))
      const without = readFileSync(path())
      log.write(false, entryOf(from + 1))
      return { offset, without }
    }
    const earlier = use(10)
    let { without } = earlier
    if (!isNew) {
      log.write(true, done(10, 11))
      log.file.recycle()
      const later = use(20)
      expect(later.offset).toBe(earlier.offset)
      without = later.without
    }
    const after = readFileSync(path())
    const start = after.indexOf(entryOf(isNew ? 11 : 21)) - frameHeadSize
    const end = start + frameHeadSize + entryOf(11).length + endMarkSize
    return { start, end, without, after, kept: [isNew ? 10 : 20] }
  }

  const found = (bytes: Buffer) => {
    writeFileSync(path(), bytes)
    const contents = readLog(path()) as LogContents
    return { isDamaged: isDamaged(contents), pending: pendingIn(contents) }
  }

  describe.each([
    ['a new segment', true],
    ['a segment that is used again', false],
  ])('in %s,', (_, isNew) => {
    test('is no damage where a kill has cut it short, which it does between two pages', () => {
      const { start, end, without, after, kept } = twoFrames(isNew, long)
      let cuts = 0
      for (let cut = Math.ceil(start / pageSize) * pageSize; cut < end; cut += pageSize, cuts++) {
        const bytes = Buffer.concat([after.subarray(0, cut), without.subarray(cut)])
        expect([cut, found(bytes)]).toEqual([cut, { isDamaged: false, pending: kept }])
      }
      expect(cuts).toBeGreaterThan(1)
      // The write was not begun, or just that.
      expect(found(without)).toEqual({ isDamaged: false, pending: kept })
    })

    test.each([
      ['garbage', () => 0xa5],
      ['zeros', () => 0],
      ['what was there before', (at: number, before: Buffer) => before[at] as number],
    ])('is known as damaged in a single page, wherever %s begins and its end mark is gone', (_, byteAt) => {
      const { start, end, without, after, kept } = twoFrames(isNew, '')
      expect(Math.floor(start / pageSize)).toBe(Math.floor((end - 1) / pageSize))
      const silent: number[] = []
      for (let from = start; from < end - endMarkSize; from++) {
        const bytes = Buffer.from(after)
        for (let at = from; at < end; at++) bytes[at] = byteAt(at, without)
        const { isDamaged, pending } = found(bytes)
        expect(pending.filter((n) => !kept.includes(n) && !kept.includes(n - 1))).toEqual([])
        if (!isDamaged && pending.length < 2) silent.push(from)
      }
      // With all that was there before, the write is one that was never begun.
      expect(silent.filter((from) => byteAt(from, without) !== without[from] || from > start + 8)).toEqual([])
    })
  })

  describe.each([
    ['a new segment', true],
    ['a segment that is used again', false],
  ])('in several pages of %s,', (_, isNew) => {
    test.each([
      ['garbage', () => 0xa5],
      ['zeros', () => 0],
      ['what was there before', (at: number, before: Buffer) => before[at] as number],
    ])('is known as damaged, wherever %s begins, up to its end or in one page', (_, byteAt) => {
      const { start, end, without, after, kept } = twoFrames(isNew, long)
      const page = (at: number) => (Math.floor(at / pageSize) + 1) * pageSize
      const places = [start, ...Array.from({ length: 40 }, (_, n) => start + n * 251), page(start), page(page(start))]
      for (const from of places.filter((at) => at < end - endMarkSize)) {
        for (const to of [end, Math.min(end, page(from))]) {
          const bytes = Buffer.from(after)
          for (let at = from; at < to; at++) bytes[at] = byteAt(at, without)
          // The frames of the second use have the bytes of the first one, but for some.
          if (bytes.equals(after)) continue
          expect([from, to, found(bytes)]).toEqual([from, to, { isDamaged: true, pending: kept }])
        }
      }
    })
  })
})

describe('a segment that is cut off', () => {
  test.each([
    ['normal', false],
    ['full', true],
  ])('is missed, with sync: %s, as a whole or from within it', (_, full) => {
    const log = new FramedLog(path(), full)
    const places = [1, 2, 3].map((n) => {
      const { offset } = log.write(true, accept(n))
      log.sync()
      return offset
    })
    expect(isDamaged(readLog(path()) as LogContents)).toBe(false)
    const bytes = readFileSync(path())
    for (const cut of [...places.slice(1), (places[2] as number) + 300, bytes.length - 1]) {
      writeFileSync(path(), bytes.subarray(0, cut))
      expect([cut, isDamaged(readLog(path()) as LogContents)]).toEqual([cut, true])
    }
  })

  test('is not missed where a kill came before its first frame, or amid it', () => {
    const log = new FramedLog(path(), false)
    log.write(true, accept(1))
    const before = readFileSync(path())
    const { offset } = log.write(true, accept(2).replace('["job-', `["${'text '.repeat(2000)}job-`))
    const after = readFileSync(path())
    for (let cut = offset; cut < offset + 12_000; cut += pageSize) {
      const bytes = Buffer.concat([before, Buffer.alloc(after.length - before.length)])
      after.copy(bytes, offset, offset, cut)
      writeFileSync(path(), bytes)
      const contents = readLog(path()) as LogContents
      expect([cut, isDamaged(contents), pendingIn(contents)]).toEqual([
        cut,
        false,
        cut > offset + 10_200 ? [1, 2] : [1],
      ])
    }
  })
})

test('a record whose entry in the log is damaged when it moves is set aside; those of its group are moved', async () => {
  await using living = await Sibling.start(folder, { options: { worker: false } })
  for (const what of ['one', 'two', 'three']) {
    await living.defer('fail', [what, 9], { retries: 0 }).id
    await living.ran(what)
  }
  damage(readFileSync(path()).indexOf('["two"') + 2, 1, flip)
  for (const what of ['one', 'two', 'three']) living.let(what)
  await living.program.message('report', ({ code }) => code === 'AFTERWORD_SET_ASIDE')
  await living.close()
  using database = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
  const failed = database.prepare('SELECT job, reason FROM afterword_failed ORDER BY key').all()
  expect(failed).toEqual(['failed', 'damaged', 'failed'].map((reason) => ({ job: 'fail', reason })))
  expect(living.reports.filter((code) => code === 'AFTERWORD_SET_ASIDE')).toHaveLength(1)
})

test('a failure that is discarded after a recovery is not listed again by a recovery of the same log', () => {
  const log = new FramedLog(path(), false)
  log.write(true, accept(1), accept(2), accept(3))
  log.write(false, JSON.stringify([entry.failed, first + 2, 1, 0, 'failed\nno luck']))
  log.file.close(false)
  const bytes = readFileSync(path())
  using recovered = new Recovered()
  const { own, told } = recovered
  recovered.recover()
  const failed = () => own.prepare('SELECT key FROM afterword_failed').all()
  expect(failed()).toEqual([{ key: first + 2 }])
  own.exec('DELETE FROM afterword_failed; DELETE FROM afterword_records')
  // The process died just before it removed the log.
  writeFileSync(path(), bytes)
  recovered.recover()
  expect(failed()).toEqual([])
  expect(own.prepare('SELECT key FROM afterword_records').all()).toEqual([])
  expect(told).toEqual([])
})

test('a record that the database refuses is listed as failed by the recovery, and the others are recovered', () => {
  const log = new FramedLog(path(), false)
  log.write(true, accept(1), accept(2, 1.5), accept(3))
  log.file.close(false)
  using recovered = new Recovered()
  const { own, told } = recovered
  recovered.recover()
  expect(own.prepare('SELECT key - ? AS n FROM afterword_records').all(first)).toEqual([{ n: 1 }, { n: 3 }])
  expect(own.prepare('SELECT key - ? AS n, reason FROM afterword_failed').all(first)).toEqual([
    { n: 2, reason: 'refused' },
  ])
  expect(told).toEqual(['AFTERWORD_SET_ASIDE'])
})

test.each([
  ['its process alone', first],
  ['any process', owner.free],
])(
  'a damaged id is not taken for one that was given: later records of the slot are recovered, those for %s',
  (_, by) => {
    using recovered = new Recovered()
    const { own, shared, told } = recovered
    const recover = (...numbers: number[]) => {
      const log = new FramedLog(path(), false)
      const rows = numbers.map((n): RecordRow => [first + n, 'send', 1, `[${n}]`, null, 0, 0, 0, 0, by, null])
      for (const row of rows) log.write(false, acceptEntry(row) + row[3])
      log.file.close(false)
      // The last one: a digit of its id.
      if (numbers.length > 1) damage(readFileSync(path()).lastIndexOf('[1,175') + 5, 1, () => 0x39)
      recovered.recover()
    }
    recover(1, 2)
    expect(told).toEqual(['AFTERWORD_JOURNAL_DAMAGED'])
    recover(blockSize + 1)
    const database = by === owner.free ? shared : own
    const found = database.prepare('SELECT key - ? AS n FROM afterword_records ORDER BY key').all(first)
    expect(found).toEqual([{ n: 1 }, { n: blockSize + 1 }])
  },
)
