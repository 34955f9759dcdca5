import { closeSync, copyFileSync, existsSync, fstatSync, openSync } from 'node:fs'
import { bytesAt } from './file-read.ts'

// The file beside a database in which SQLite commits: https://sqlite.org/fileformat2.html#the_write_ahead_log

const headSize = 32
const frameHeadSize = 24
/** The first number of the file, but for its last bit, which says that the numbers in checksums are big-endian. */
const magic = 0x377f0682

/**
 * Copies the WAL of a database aside where it is damaged. SQLite reads a WAL up to the first frame that does not check, and says nothing of
 * transactions behind it: they would be lost in silence. No error is thrown: whatever is wrong shows when the database is opened.
 * @returns the path of the copy, of one that was made just now
 */
export function keepDamagedWal(database: string): string | undefined {
  const path = walOf(database)
  try {
    if (!existsSync(path) || !isDamaged(bytesOf(path))) return undefined
    // Another process may have been writing meanwhile. Damage stays.
    const bytes = bytesOf(path)
    if (!isDamaged(bytes)) return undefined
    const aside = `${path}.damaged-${bytes.toString('hex', 16, 24)}`
    if (existsSync(aside)) return undefined
    copyFileSync(path, aside)
    return aside
  } catch {
    return undefined
  }
}

/** Reads a file. An error that passes must not hide damage. */
function bytesOf(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    return bytesAt(file, 0, fstatSync(file).size)
  } finally {
    closeSync(file)
  }
}

/** The path of the WAL of a database. */
export const walOf = (database: string) => `${database}-wal`

/**
 * The WAL has transactions that SQLite can't reach, beyond the one with the first frame that does not check. A process that was killed may
 * have left frames without a transaction, and a power cut one transaction in parts: damage to the last one looks the same.
 */
export function isDamaged(bytes: Buffer): boolean {
  if (bytes.length <= headSize) return false
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isBigEndian = (view.getUint32(0) & 1) === 1
  const pageSize = view.getUint32(8)
  const sum = sumOf(view, isBigEndian, [0, 0], 0, headSize - 8)
  const isHead = (view.getUint32(0) & ~1) === magic && pageSize >= 512 && isAt(view, headSize - 8, sum)
  if (!isHead) return true
  let previous = sum
  let isReached = true
  let beyond = 0
  for (let at = headSize; at + frameHeadSize + pageSize <= bytes.length; at += frameHeadSize + pageSize) {
    const hasSalt = view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20)
    const head = sumOf(view, isBigEndian, previous, at, 8)
    const checks = hasSalt && isAt(view, at + 16, sumOf(view, isBigEndian, head, at + frameHeadSize, pageSize))
    if (!checks) isReached = false
    else if (!isReached && isCommit(view, at) && ++beyond > 1) return true
    previous = [view.getUint32(at + 16), view.getUint32(at + 20)]
  }
  return false
}

/** The frame is the last one of a transaction. */
const isCommit = (view: DataView, frame: number) => view.getUint32(frame + 4) !== 0

const isAt = (view: DataView, at: number, [first, second]: Sum) =>
  view.getUint32(at) === first && view.getUint32(at + 4) === second

type Sum = readonly [first: number, second: number]

/** The checksum of bytes that follow others, whose checksum is given. */
function sumOf(view: DataView, isBigEndian: boolean, [first, second]: Sum, from: number, length: number): Sum {
  let [s0, s1] = [first, second]
  for (let at = from; at < from + length; at += 8) {
    s0 = (s0 + view.getUint32(at, !isBigEndian) + s1) >>> 0
    s1 = (s1 + view.getUint32(at + 4, !isBigEndian) + s0) >>> 0
  }
  return [s0, s1]
}
