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
 * The frame that should be at an offset, behind the last one that checks, was written to its end, and is damaged: a frame that was
 * being written when its process ended, or the power, has another end than its beginning asks for.
 * @returns its bytes, without its head
 */
export function brokenFrame(buffer: Buffer, at: number, sequence: number, number: number): Buffer | undefined {
  if (at + frameHeadSize > buffer.length) return undefined
  const isNamed = buffer.readUInt32LE(at + 8) === sequence
  const isNumbered = buffer.readUInt32LE(at + 12) === number
  if (!isNamed && !isNumbered) return undefined
  // Frames of an earlier use are no part of this one.
  if (readFrame(buffer, at) !== undefined) return undefined
  const from = at + frameHeadSize
  const end = from + buffer.readUInt32LE(at)
  const zeros = buffer.indexOf(0, from)
  // Where the length is damaged, zeros or the head of an earlier frame follow.
  const isWhole = end > from && end <= buffer.length && (zeros === -1 || zeros >= end)
  if (isWhole) return buffer.subarray(from, end)
  const rest = buffer.subarray(from, zeros === -1 ? buffer.length : zeros)
  return isNamed && isNumbered && brokenRows(rest).some(([, , , args]) => isClosed(args)) ? rest : undefined
}

/** The end of the arguments is there. */
const isClosed = (args: string) => args.endsWith(']')
