import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { acceptEntry, entry } from '../../src/journal/files/log-format.ts'
import { failuresOf, isDamaged, type LogContents, readLog } from '../../src/journal/files/log-reader.ts'
import { slotSize } from '../../src/journal/files/record-id.ts'
import { FramedLog } from './framed-log.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-sectors-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const path = () => join(folder, '1.log')

/** The arguments of a record, of about so many bytes. */
const argsOf = (n: number, bytes: number) => JSON.stringify([`record ${n} `.repeat(Math.ceil(bytes / 10))])
const accept = (n: number, bytes: number) => {
  const args = argsOf(n, bytes)
  return acceptEntry([slotSize + n, 'send', 1, args, null, 0, 0, 0, 0, slotSize, null]) + args
}
const done = (...n: number[]) => JSON.stringify([entry.done, ...n.map((each) => slotSize + each)])

/** A sector that was written since the last sync: its bytes before and after. */
interface Sector {
  readonly offset: number
  readonly before: Buffer
  readonly after: Buffer
}

function sectorsBetween(before: Buffer, after: Buffer, size: number): Sector[] {
  const sectors: Sector[] = []
  for (let offset = 0; offset < after.length; offset += size) {
    const [old, now] = [before, after].map((bytes) => Buffer.from(bytes.subarray(offset, offset + size)))
    if (old !== undefined && now !== undefined && !old.equals(now)) sectors.push({ offset, before: old, after: now })
  }
  return sectors
}

/** Leaves the file with each subset of the sectors in turn, one sector changed after the other. */
function forEachSubset(sectors: readonly Sector[], look: (subset: number) => void): void {
  const file = openSync(path(), 'r+')
  for (const { before, offset } of sectors) writeSync(file, before, 0, before.length, offset)
  look(0)
  for (let i = 1, subset = 0; i < 2 ** sectors.length; i++) {
    // Of two neighbours in a Gray code one bit differs.
    const bit = 31 - Math.clz32(i & -i)
    subset ^= 1 << bit
    const { before, after, offset } = sectors[bit] as Sector
    writeSync(file, subset & (1 << bit) ? after : before, 0, after.length, offset)
    look(subset)
  }
  closeSync(file)
}

/** The lengths of the arguments of the records 11 to 15, in bytes. */
const lengths: Readonly<Record<number, Record<number, number>>> = {
  512: { 11: 300, 12: 1500, 13: 40, 14: 40, 15: 900 },
  4096: { 11: 300, 12: 9000, 13: 40, 14: 40, 15: 9000 },
}

/** Writes what may be lost: a frame over several sectors, one with two records and an end, another long one. */
function writeUnsynced(log: FramedLog, isNext: boolean, bytes: Record<number, number>): void {
  log.write(isNext, accept(12, bytes[12] as number))
  log.write(false, accept(13, bytes[13] as number), accept(14, bytes[14] as number), done(10))
  log.write(false, accept(15, bytes[15] as number))
}

const situations: Record<string, (log: FramedLog, bytes: Record<number, number>) => void> = {
  'behind synced frames of a segment': (log, bytes) => {
    log.write(true, accept(10, 100), accept(11, bytes[11] as number))
    log.sync()
  },
  'at the beginning of a segment': (log, bytes) => {
    log.write(true, accept(10, 100), accept(11, bytes[11] as number))
    log.sync()
  },
  'over frames of an earlier use of the segment': (log, bytes) => {
    const old = log.write(true, ...[1, 2, 3, 4].map((n) => accept(n, 40)))
    for (let n = 5; n < 60; n++) log.write(false, accept(n * 100, 300))
    log.write(true, accept(10, 100), accept(11, bytes[11] as number))
    log.write(false, done(1, 2, 3, 4, ...Array.from({ length: 55 }, (_, i) => (i + 5) * 100)))
    log.sync()
    log.file.recycle()
    // The head of a segment tells that the oldest one counts no more.
    log.write(log.full, accept(16, 40))
    log.sync()
    expect(log.file.used.map(({ offset }) => offset)).not.toContain(old.offset)
  },
}

describe.each([true, false])('a power cut, with sync: full %s,', (full) => {
  describe.each(Object.keys(situations))('%s,', (situation) => {
    test.each([512, 4096])('that loses any of the sectors of %i bytes which were not synced', (size) => {
      const log = new FramedLog(path(), full)
      const bytes = lengths[size] as Record<number, number>
      situations[situation]?.(log, bytes)
      const synced = [10, 11, ...(situation.startsWith('over') ? [16] : [])]
      const before = readFileSync(path())
      writeUnsynced(log, situation !== 'behind synced frames of a segment', bytes)
      const after = readFileSync(path())
      const all = Buffer.alloc(after.length)
      before.copy(all)
      const sectors = sectorsBetween(all, after, size)
      expect(sectors.length).toBeGreaterThan(4)
      expect(sectors.length).toBeLessThan(13)
      const wrong: unknown[] = []
      forEachSubset(sectors, (subset) => {
        const contents = readLog(path()) as LogContents
        const found = [...contents.pending.keys()].map((id) => id - slotSize)
        const failed = [...failuresOf(contents).keys()].map((id) => id - slotSize)
        const isAll = subset === 2 ** sectors.length - 1
        const lost = synced.filter((n) => !found.includes(n))
        const isWhole = [...contents.pending.values()].every(({ 0: id, 3: args }) => {
          const n = id - slotSize
          return args === argsOf(n, n === 10 ? 100 : n === 16 ? 40 : (bytes[n] as number))
        })
        // The end of the record 10 is in the frame that accepts 13 and 14.
        const frame = [!found.includes(10), found.includes(13), found.includes(14)]
        const isRight =
          lost.every((n) => n === 10) &&
          isWhole &&
          new Set(frame).size === 1 &&
          found.every((n) => [...synced, 12, 13, 14, 15].includes(n)) &&
          failed.every((n) => !full && [12, 13, 14, 15].includes(n)) &&
          !(full && isDamaged(contents)) &&
          (!isAll || [11, 12, 13, 14, 15].every((n) => found.includes(n)))
        if (!isRight) wrong.push({ subset: subset.toString(2), found, failed, isWhole, damaged: isDamaged(contents) })
      })
      expect(wrong.slice(0, 5)).toEqual([])
    })
  })
})
