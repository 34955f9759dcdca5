import { crc32 } from 'node:zlib'
import { owner } from './schema.ts'

/**
 * The log of a slot is a file of segments, a segment is a sequence of frames, and a frame has the entries of one write. A frame's head has
 * four unsigned numbers of 32 bits, little-endian:
 *
 *     0  the length of the payload in bytes
 *     4  the CRC-32 of all that follows
 *     8  the sequence number of the segment, counted over the life of the log
 *    12  the number of the frame in its segment
 *
 * The payload is text: an entry a line, each an array in JSON, behind which that of a record has a tab and the stored arguments. Frame 0
 * has a {@link SegmentHead} instead. A segment is filled with zeros before its first use, and used again with a new sequence number: the
 * frames of its earlier use don't check any more.
 *
 * Behind a frame, in the same write, is its end mark: the two numbers of 32 bits of its segment and of itself, and zeros. The next frame
 * takes the place of the mark. So a last frame that does not check is known as cut short, whatever an earlier use has left there, or as damaged:
 * a kill cuts a write short between two pages of the file, and leaves a frame in a single page whole, or not begun.
 */
export const frameHeadSize = 16
/** The size of an end mark in bytes: that of a head, for which no earlier release takes it. */
export const endMarkSize = 16
/** The sizes of segments are multiples of this one, in bytes: where a head is damaged, the next one is looked for at these offsets. */
export const segmentUnit = 64 * 1024

/** The version of the format that this release writes. */
export const logVersion = 1

export interface SegmentHead {
  /** The version of the format. */
  readonly log: number
  readonly bytes: number
  /** The sequence number of the oldest segment whose entries count. */
  readonly oldest: number
  /** The sequence number of the segment before; 0 for none. Numbers may be left out. */
  readonly previous: number
  /** The last frame of the segment before that counts, where a sync of the later ones has failed: their records were refused. */
  readonly until?: number | undefined
  /** The frames of a response are synced before it leaves: `sync: 'full'`. */
  readonly full: boolean
  /** No earlier use has left frames in the segment: zeros follow the last one. Earlier releases don't tell. */
  readonly clean?: boolean
}

/** The kinds of entries, each the first value of its array. */
export const entry = {
  /** A record is accepted: the values of a {@link RecordRow}, but for the arguments. */
  accept: 1,
  /** Records have ended: their ids. */
  done: 2,
  /** Records are in a database from now on: their ids. */
  moved: 3,
  /** A record is tried again later: id, attempt, moment by `Date.now()`, delay in ms. */
  retry: 4,
  /** A record has failed for good: id, attempt, moment by `Date.now()`, reason and error as one text. */
  failed: 5,
  /** The frames of a segment are synced, as those before: the segment's sequence number, the number of the last of these frames. */
  synced: 6,
  /** The options and notes of a record are others: id, the text to store. */
  options: 7,
} as const

/** A record as it is stored; `owner` is one of `schema.ts`. */
export type RecordRow = readonly [
  id: number,
  job: string,
  version: number,
  args: string,
  options: string | null,
  created: number,
  attempt: number,
  runAt: number,
  delay: number,
  owner: number,
  uniqueKey: string | null,
  more?: RecordMore | undefined,
]

/** Any process may run the record, or has to know of its unique key: the record goes to the shared database. */
export const isShared = (by: number, uniqueKey: string | null) => by === owner.free || uniqueKey !== null

/** The values that few records have. */
export interface RecordMore {
  /** The lane, as it is stored. */
  readonly lane?: string | undefined
  /** The record takes the place of one with its unique key that waits, for so many ms since the first of them at most. */
  readonly longest?: number | undefined
}

/**
 * Makes the entry of a record that is accepted, up to the stored arguments, which follow as they are. Stored arguments have neither tabs nor
 * line breaks: JSON escapes those.
 */
export function acceptEntry(row: RecordRow): string {
  const [id, job, version, , options, created, attempt, runAt, delay, by, uniqueKey, more] = row
  // Records that are accepted in the same millisecond have most values in common.
  const isLike =
    last !== undefined &&
    last[1] === job &&
    last[2] === version &&
    last[4] === options &&
    last[5] === created &&
    last[6] === attempt &&
    last[7] === runAt &&
    last[8] === delay &&
    last[9] === by &&
    last[10] === uniqueKey &&
    last[11] === more
  if (!isLike) {
    const values = [job, version, options, created, attempt, runAt, delay, by, uniqueKey]
    lastValues = JSON.stringify(more === undefined ? values : [...values, more]).slice(1)
    last = row
  }
  return `[${entry.accept},${id},${lastValues}\t`
}

/** The row of the last entry, and its values but for the id and the arguments. */
let last: RecordRow | undefined
let lastValues = ''

/** Reads the entry of a record that was accepted. */
export function parseAccepted(line: string): RecordRow {
  const tab = line.indexOf('\t')
  const [, id, job, version, ...rest] = JSON.parse(line.slice(0, tab)) as [kind: number, ...Omit<RecordRow, 3>]
  return [id, job, version, line.slice(tab + 1), ...rest] as unknown as RecordRow
}

/** Writes the head of a frame, whose payload is in the buffer behind it. */
export function writeFrameHead(buffer: Buffer, length: number, sequence: number, frame: number): void {
  buffer.writeUInt32LE(length, 0)
  buffer.writeUInt32LE(sequence, 8)
  buffer.writeUInt32LE(frame, 12)
  buffer.writeUInt32LE(crc32(buffer.subarray(8, frameHeadSize + length)), 4)
}

/** Writes the end mark of a frame, whose head is in the buffer. @returns the frame with its mark */
export function markEnd(buffer: Buffer, length: number): Buffer {
  const end = frameHeadSize + length
  buffer.copy(buffer, end, 8, frameHeadSize)
  return buffer.fill(0, end + 8, end + endMarkSize).subarray(0, end + endMarkSize)
}

/** The beginning of the end mark of a frame: zeros follow. */
export function endMarkOf(sequence: number, frame: number): Buffer {
  const mark = Buffer.alloc(8)
  mark.writeUInt32LE(sequence)
  // The frame before the first one has no mark.
  mark.writeInt32LE(frame, 4)
  return mark
}

/** A frame that was read. */
export interface Frame {
  readonly sequence: number
  readonly number: number
  readonly payload: Buffer
  /** The offset of the byte behind the frame, in the buffer. */
  readonly end: number
}

/** Reads the frame at an offset of a buffer; `undefined` where there is none that checks. */
export function readFrame(buffer: Buffer, offset: number): Frame | undefined {
  if (offset + frameHeadSize > buffer.length) return undefined
  const length = buffer.readUInt32LE(offset)
  const end = offset + frameHeadSize + length
  if (length === 0 || end > buffer.length) return undefined
  if (crc32(buffer.subarray(offset + 8, end)) !== buffer.readUInt32LE(offset + 4)) return undefined
  return {
    sequence: buffer.readUInt32LE(offset + 8),
    number: buffer.readUInt32LE(offset + 12),
    payload: buffer.subarray(offset + frameHeadSize, end),
    end,
  }
}

/** The path of the log of a slot. */
export const logOf = (folder: string, slot: number | string) => `${folder}/${slot}.log`
