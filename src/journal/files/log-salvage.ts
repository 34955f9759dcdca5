import { entry, frameHeadSize, parseAccepted, type RecordRow, readFrame } from './log-format.ts'

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

/**
 * Finds the frame that should be at an offset, behind the last one that checks, and was written to its end: it is damaged. One that was
 * being written when its process ended, or the power, has no end mark.
 * @returns its bytes, without its head
 */
export function brokenFrame(buffer: Buffer, at: number, sequence: number, number: number): Buffer | undefined {
  const mark = Buffer.alloc(8)
  mark.writeUInt32LE(sequence)
  mark.writeUInt32LE(number, 4)
  const end = buffer.indexOf(mark, at + frameHeadSize)
  return end === -1 ? undefined : buffer.subarray(at + frameHeadSize, end)
}
