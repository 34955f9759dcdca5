import { crc32 } from 'node:zlib'

/**
 * The last bytes of a segment tell what was written to it for certain, apart from the frames themselves: damage to a frame does not strike its note
 * as well. Four unsigned numbers of 32 bits, little-endian:
 *
 *     0  the sequence number of the segment
 *     4  the number of a frame that was written in full, as those before; 0 for none
 *     8  the sequence number of the segment in which the log goes on; 0 for none
 *    12  the CRC-32 of the above
 *
 * Earlier releases write frames up to the end of a segment.
 */
export const segmentTailSize = 16

export interface SegmentTail {
  readonly sequence: number
  readonly written: number
  readonly next: number
}

/** A kill cuts a write short between two pages of this size in bytes. */
export const pageSize = 4096

/** A write that a kill may have cut short, or have not begun, may look like one that was damaged: a note is to tell that it was done. */
export const needsNote = (from: number, to: number): boolean =>
  from % pageSize === 0 || Math.floor(from / pageSize) !== Math.floor((to - 1) / pageSize)

export function encodeTail({ sequence, written, next }: SegmentTail): Buffer {
  const tail = Buffer.allocUnsafe(segmentTailSize)
  tail.writeUInt32LE(sequence, 0)
  tail.writeUInt32LE(written, 4)
  tail.writeUInt32LE(next, 8)
  tail.writeUInt32LE(crc32(tail.subarray(0, 12)), 12)
  return tail
}

/** Reads the tail at the end of a segment; `undefined` where that use of the segment has none, or it is damaged. */
export function readTail(segment: Buffer, sequence: number): SegmentTail | undefined {
  const at = segment.length - segmentTailSize
  if (at < 0 || segment.readUInt32LE(at) !== sequence) return undefined
  if (crc32(segment.subarray(at, at + 12)) !== segment.readUInt32LE(at + 12)) return undefined
  return { sequence, written: segment.readUInt32LE(at + 4), next: segment.readUInt32LE(at + 8) }
}
