import type { LogBytes } from './log-bytes.ts'
import { logVersion, readFrame, type SegmentHead, segmentUnit } from './log-format.ts'
import { latestUse } from './log-salvage.ts'
import { NewerFile } from './newer-file.ts'
import { readTail, type SegmentTail, segmentTailSize } from './segment-tail.ts'

/** A place in a log. */
export interface Place {
  readonly sequence: number
  readonly frame: number
}

/** A segment that was found in a log. */
export interface FoundSegment {
  readonly sequence: number
  readonly offset: number
  readonly bytes: number
  /** The values of its head; `undefined` where that is damaged. */
  readonly head: SegmentHead | undefined
  /** The values of its tail; `undefined` where it has none, or that is damaged. */
  readonly tail: SegmentTail | undefined
  /** The last frame that counts; `undefined` where all of them do. */
  readonly until?: number | undefined
}

/** The segments of a log whose entries count. */
export interface FoundSegments {
  /** The oldest comes first. */
  readonly segments: readonly FoundSegment[]
  /** The places where a segment should be, or its head. */
  readonly gaps: Place[]
  /** With `sync: 'full'`, what was synced for certain: more follows from the entries. */
  readonly synced: Place | undefined
}

/** Finds the segments of a log. Throws the errors of the file system. @throws AfterwordError `AFTERWORD_JOURNAL_NEWER` */
export function findSegments(log: LogBytes): FoundSegments {
  const { found, isUnreadable } = allSegments(log)
  const { oldest = 0, full = false } = found.findLast(({ head }) => head !== undefined)?.head ?? {}
  const { segments, gaps } = chainOf(found, oldest)
  // A head that was being written when the power failed is no damage: its segment has no frame that was synced.
  if (isUnreadable && !full) gaps.push({ sequence: 0, frame: 0 })
  // A tail tells of a segment that is there for certain.
  const latest = Math.max(oldest, ...segments.map(({ tail }) => tail?.next ?? 0))
  if (latest > (segments.at(-1)?.sequence ?? latest)) gaps.push({ sequence: latest, frame: 0 })
  return { segments, gaps, synced: full ? { sequence: latest, frame: 0 } : undefined }
}

/** Follows the heads from the newest segment on, each of which names the one before: segments between the two were given up. */
function chainOf(found: readonly FoundSegment[], oldest: number): { segments: FoundSegment[]; gaps: Place[] } {
  const rest = found.filter(({ sequence }) => sequence >= oldest)
  const segments: FoundSegment[] = []
  const gaps: Place[] = []
  let until: number | undefined
  for (let segment = rest.pop(); segment !== undefined; segment = rest.pop()) {
    segments.unshift({ ...segment, until })
    until = undefined
    const { head, sequence } = segment
    if (head === undefined) {
      gaps.push({ sequence, frame: 0 })
      continue
    }
    const { previous } = head
    while ((rest.at(-1)?.sequence ?? 0) > previous) rest.pop()
    if (rest.at(-1)?.sequence === previous) until = head.until
    else if (previous >= oldest) gaps.push({ sequence: previous, frame: 0 })
  }
  return { segments, gaps }
}

/** Finds all segments, in the order of their use, those without a head by their frames. */
function allSegments(log: LogBytes): { readonly found: FoundSegment[]; readonly isUnreadable: boolean } {
  const found: FoundSegment[] = []
  const { size } = log
  let isUnreadable = false
  /** The offset at which a part without a head begins. */
  let lost: number | undefined
  const endLost = (end: number) => {
    if (lost === undefined) return
    const sequence = latestUse(log.at(lost, end - lost))
    if (sequence === undefined) isUnreadable = true
    else found.push({ sequence, offset: lost, bytes: end - lost, head: undefined, tail: undefined })
    lost = undefined
  }
  for (let offset = 0; offset < size; ) {
    const segment = segmentAt(log, offset)
    // A segment that was never used has zeros only.
    if (segment === undefined && !isUnused(log, offset)) lost ??= offset
    else endLost(offset)
    if (segment !== undefined) found.push(segment)
    offset += segment?.bytes ?? segmentUnit
  }
  endLost(size)
  return { found: found.sort((a, b) => a.sequence - b.sequence), isUnreadable }
}

/** The most bytes that a segment's head takes, its frame included. */
const mostHeadBytes = 256

function segmentAt(log: LogBytes, offset: number): FoundSegment | undefined {
  const frame = readFrame(log.at(offset, mostHeadBytes), 0)
  if (frame?.number !== 0) return undefined
  const head = JSON.parse(String(frame.payload)) as SegmentHead
  if (head.log > logVersion) throw new NewerFile(log.path, head.log, logVersion)
  const { sequence } = frame
  const tail = readTail(log.at(offset + head.bytes - segmentTailSize, segmentTailSize), sequence)
  return { sequence, offset, bytes: head.bytes, head, tail }
}

const zeros = Buffer.alloc(segmentUnit)

function isUnused(log: LogBytes, offset: number): boolean {
  const bytes = log.at(offset, segmentUnit)
  return bytes.equals(zeros.subarray(0, bytes.length))
}
