import { closeSync, openSync } from 'node:fs'
import { endianness } from 'node:os'
import { mayBeOpen } from './file-locks.ts'
import { bytesAt } from './file-read.ts'

// The index of a WAL, which outlives a process that is killed: https://sqlite.org/walformat.html#the_wal_index_header

/** The two copies of the head: a process that is killed amid a change leaves one of them as it was. */
const heads = [0, 48]
const headSize = 48
/** The offset of the number of frames that are written back to the database. */
const writtenBackAt = 96
const version = 3007000

/** The transactions that were committed to a WAL, as its index tells. */
export interface Committed {
  /** The number of frames up to the end of the last transaction. */
  readonly frames: number
  /** The salt of the WAL whose frames these are. */
  readonly salt: Buffer
  /** All these frames are in the database as well. */
  readonly isWrittenBack: boolean
}

/**
 * Reads what was committed to the WAL of a database. The next process that opens the database makes the index anew from what it finds in the WAL.
 * @returns `undefined` where nobody knows: there is no index, it is damaged, or this process has it open, and may have locks of it
 */
export function readCommitted(database: string): Committed | undefined {
  const path = `${database}-shm`
  if (mayBeOpen(path)) return undefined
  const file = openSync(path, 'r')
  try {
    return committedIn(bytesAt(file, 0, writtenBackAt + 4))
  } finally {
    closeSync(file)
  }
}

/** Reads the heads of an index. */
function committedIn(index: Buffer): Committed | undefined {
  if (index.length < writtenBackAt + 4) return undefined
  const word = (at: number) => (isLittleEndian ? index.readUInt32LE(at) : index.readUInt32BE(at))
  const found = heads.filter((at) => word(at) === version && isWhole(word, at))
  const [at] = found.sort((a, b) => word(b + 16) - word(a + 16))
  if (at === undefined) return undefined
  const frames = word(at + 16)
  return { frames, salt: index.subarray(at + 32, at + 40), isWrittenBack: word(writtenBackAt) >= frames }
}

/** The checksum of a head is right, which is that of a WAL in the order of bytes of the machine. */
function isWhole(word: (at: number) => number, head: number): boolean {
  let [s0, s1] = [0, 0]
  for (let at = head; at < head + headSize - 8; at += 8) {
    s0 = (s0 + word(at) + s1) >>> 0
    s1 = (s1 + word(at + 4) + s0) >>> 0
  }
  return word(head + headSize - 8) === s0 && word(head + headSize - 4) === s1
}

const isLittleEndian = endianness() === 'LE'
