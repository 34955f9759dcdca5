import { endMarkOf, endMarkSize, entry, frameHeadSize, parseAccepted, type RecordRow, readFrame } from './log-format.ts'
import { pageSize } from './segment-tail.ts'

/** The highest number that a segment or a frame may have: higher ones are text. */
const highest = 2 ** 29

/**
 * Finds the frames of the latest use of a part of a log whose head is damaged.
 * @returns the sequence number of that use; `undefined` where no frame checks
 */
export function latestUse(buffer: Buffer): number | undefined {
  let latest: number | undefined
  for (let at = 0; at + frameHeadSize < buffer.length; ) {
    const frame = mayBeFrame(buffer, at) ? readFrame(buffer, at) : undefined
    if (frame === undefined) {
      at++
      continue
    }
    latest = Math.max(latest ?? 0, frame.sequence)
    at = frame.end
  }
  return latest
}

/** A cheap look: most bytes of a log are text, whose numbers are far higher than those of a head. */
function mayBeFrame(buffer: Buffer, at: number): boolean {
  const sequence = buffer.readUInt32LE(at + 8)
  return sequence > 0 && sequence < highest && buffer.readUInt32LE(at + 12) < highest
}

/** The records in frames that don't check, as they can be read. Their values may be damaged: they are not to be run. */
export function brokenRows(bytes: Buffer): RecordRow[] {
  const text = bytes.toString('latin1')
  const marks = [...text.matchAll(acceptMarks)]
  return marks.flatMap(({ index }, i) => {
    const { index: next = text.length } = marks[i + 1] ?? {}
    const [line = ''] = bytes.toString('utf8', index, next).split('\n', 1)
    const row = rowOf(line)
    return row === undefined ? [] : [row]
  })
}

const acceptMarks = new RegExp(`\\[${entry.accept},\\d+,"`, 'g')

function rowOf(line: string): RecordRow | undefined {
  try {
    const row = parseAccepted(line)
    const [id, job, version, , options, created, , , , , uniqueKey] = row
    const areNumbers = [id, version, created].every((value) => Number.isSafeInteger(value))
    const areTexts = [options, uniqueKey].every((value) => value === null || typeof value === 'string')
    return areNumbers && areTexts && typeof job === 'string' ? row : undefined
  } catch {
    return undefined
  }
}

/** The place of a frame that should be behind the last one that checks. */
export interface NextPlace {
  /** The offset in the file. */
  readonly offset: number
  readonly sequence: number
  readonly number: number
  /** No earlier use has left frames in the segment; `undefined` in those of earlier releases, whose frames have no end marks. */
  readonly clean: boolean | undefined
  /** The last frame of which the segment's tail tells that it was written. */
  readonly written: number
}

/**
 * Finds the frame that should be behind the last one that checks, and was written: it is damaged. One that was being written when its
 * process ended has no end mark, and ends with what was there before.
 * @param rest the bytes of the segment from there on
 * @returns the bytes of the frame, without its head
 */
export function brokenFrame(rest: Buffer, place: NextPlace): Buffer | undefined {
  const { sequence, number, clean, written } = place
  const end = rest.indexOf(endMarkOf(sequence, number), frameHeadSize)
  if (end !== -1) return rest.subarray(frameHeadSize, end)
  if (number <= written) return withoutZeros(rest.subarray(frameHeadSize))
  // The end mark of the frame before is where this one would begin.
  const isUnwritten = rest.length < frameHeadSize || rest.subarray(0, 8).equals(endMarkOf(sequence, number - 1))
  if (isUnwritten || clean === undefined || mayBeCut(rest, place)) return undefined
  return clean ? withoutZeros(rest.subarray(frameHeadSize)) : rest.subarray(frameHeadSize)
}

/** A kill may have cut a write short here: that of the frame before, whose end mark is gone, or that of a frame whose beginning is there. */
function mayBeCut(rest: Buffer, { offset, sequence, number, clean }: NextPlace): boolean {
  const room = pageSize - (offset % pageSize)
  // An end mark, or a head, that is in two pages, or alone in the second one.
  if (room < frameHeadSize || room === pageSize) return true
  if (rest.readUInt32LE(8) !== sequence || rest.readUInt32LE(12) !== number) return false
  const size = frameHeadSize + rest.readUInt32LE(0) + endMarkSize
  if (size <= room || size > rest.length) return false
  // Text ends where the zeros begin that were there before.
  return !clean || (offset + withoutZeros(rest).length) % pageSize === 0
}

/** Bytes without the zeros at their end. */
function withoutZeros(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  return bytes.subarray(0, end)
}
