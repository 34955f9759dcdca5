import { closeSync, existsSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import { bytesAt } from './file-read.ts'
import { type Committed, readCommitted } from './wal-index.ts'

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
  try {
    if (damageOf(database) === undefined) return undefined
    // Another process may have been writing meanwhile. Damage stays.
    const damage = damageOf(database)
    if (damage === undefined) return undefined
    const aside = `${walOf(database)}.damaged-${damage.salt.toString('hex')}`
    if (existsSync(aside)) return undefined
    writeFileSync(aside, damage.bytes, { mode: 0o600 })
    return aside
  } catch {
    return undefined
  }
}

/** Reads the WAL of a database where it is damaged: its bytes, of which there may be none, and the salt by which its uses are told apart. */
function damageOf(database: string): { readonly bytes: Buffer; readonly salt: Buffer } | undefined {
  // The index first: a process that lives commits further transactions meanwhile.
  const committed = readCommitted(database)
  const path = walOf(database)
  const bytes = existsSync(path) ? bytesOf(path) : Buffer.alloc(0)
  if (!isDamaged(bytes, committed)) return undefined
  return { bytes, salt: committed?.salt ?? bytes.subarray(16, 24) }
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
 * The WAL has transactions that SQLite can't reach: it lacks some that were committed, or has some beyond the one with the first frame that does
 * not check. Where it is not known what was committed, damage to the last one is not told: a process that was killed may have left frames without
 * a transaction, and a power cut one transaction in parts.
 */
export function isDamaged(bytes: Buffer, committed?: Committed): boolean {
  if (bytes.length <= headSize) return committed !== undefined && !committed.isWrittenBack
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isBigEndian = (view.getUint32(0) & 1) === 1
  const pageSize = view.getUint32(8)
  const sum = sumOf(view, isBigEndian, [0, 0], 0, headSize - 8)
  const isHead = (view.getUint32(0) & ~1) === magic && pageSize >= 512 && isAt(view, headSize - 8, sum)
  if (!isHead) return true
  const due = committed?.salt.equals(bytes.subarray(16, 24)) ? committed.frames : 0
  let previous = sum
  let isReached = true
  let reached = 0
  let beyond = 0
  for (let at = headSize; at + frameHeadSize + pageSize <= bytes.length; at += frameHeadSize + pageSize) {
    const hasSalt = view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20)
    const head = sumOf(view, isBigEndian, previous, at, 8)
    const checks = hasSalt && isAt(view, at + 16, sumOf(view, isBigEndian, head, at + frameHeadSize, pageSize))
    if (!checks) isReached = false
    else if (isReached) reached++
    else if (isCommit(view, at) && ++beyond > 1) return true
    previous = [view.getUint32(at + 16), view.getUint32(at + 20)]
  }
  return reached < due
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
