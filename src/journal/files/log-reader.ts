import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import {
  entry,
  frameHeadSize,
  logVersion,
  parseAccepted,
  type RecordRow,
  readFrame,
  type SegmentHead,
  segmentUnit,
} from './log-format.ts'
import { NewerFile } from './newer-file.ts'

/** A record that failed for good, and is not listed in a database yet. */
export interface LoggedFailure {
  readonly row: RecordRow
  readonly attempt: number
  readonly failedAt: number
  readonly reason: string
  readonly error: string | null
}

/** The contents of a log: the records that it answers for. The others are done, or in a database. */
export interface LogContents {
  readonly pending: Map<number, RecordRow>
  readonly failed: Map<number, LoggedFailure>
  /** The highest id that was given; 0 for none. */
  lastId: number
  /** The places where frames that were written don't check. */
  readonly gaps: { readonly sequence: number; readonly frame: number }[]
  /** With `sync: 'full'`, the frames up to this one were synced. */
  synced: { readonly sequence: number; readonly frame: number } | undefined
}

/**
 * The log is damaged: frames that were on the disk don't check any more. With `sync: 'full'`, a power cut leaves gaps among the frames that
 * were not synced yet, which is none.
 */
export function isDamaged({ gaps, synced }: LogContents): boolean {
  if (synced === undefined) return gaps.length > 0
  return gaps.some(({ sequence, frame }) =>
    sequence === synced.sequence ? frame <= synced.frame : sequence < synced.sequence,
  )
}

/** A segment that has a head, as the head says. */
interface FoundSegment {
  readonly sequence: number
  readonly offset: number
  readonly bytes: number
  readonly oldest: number
  readonly full: boolean
}

/** Reads a log; `undefined` where there is none. Throws the errors of the file system. */
export function readLog(path: string): LogContents | undefined {
  let last: LogContents | undefined
  for (const contents of readSegments(path)) last = contents
  return last
}

/** Reads a log segment by segment, the oldest first, and yields the contents so far. Yields nothing where there is no log. */
export function* readSegments(path: string): Generator<LogContents> {
  const file = open(path)
  if (file === undefined) return
  const contents: LogContents = { pending: new Map(), failed: new Map(), lastId: 0, gaps: [], synced: undefined }
  try {
    const segments = findSegments(file, path, contents)
    const oldest = segments.at(-1)?.oldest ?? 0
    for (const segment of segments) {
      if (segment.sequence < oldest) continue
      readSegment(file, segment, contents)
      yield contents
    }
    yield contents
  } finally {
    closeSync(file)
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The most bytes that a segment's head takes, its frame included. */
const mostHeadBytes = 256

function findSegments(file: number, path: string, contents: LogContents): FoundSegment[] {
  const segments: FoundSegment[] = []
  let unreadable = 0
  const { size } = fstatSync(file)
  for (let offset = 0; offset < size; ) {
    const found = headAt(file, path, offset)
    if (found === undefined) {
      // A segment that was never used begins with zeros.
      if (!isUnused(file, offset)) unreadable++
      offset += segmentUnit
    } else {
      segments.push(found)
      offset += found.bytes
    }
  }
  segments.sort((a, b) => a.sequence - b.sequence)
  const newest = segments.at(-1)
  if (newest?.full) contents.synced = { sequence: newest.oldest, frame: 0 }
  // A head that was being written when the power failed is no damage: its segment has no frame that was synced.
  else if (unreadable > 0) contents.gaps.push({ sequence: 0, frame: 0 })
  for (let sequence = newest?.oldest ?? 0; sequence < (newest?.sequence ?? 0); sequence++) {
    if (segments.every((segment) => segment.sequence !== sequence)) contents.gaps.push({ sequence, frame: 0 })
  }
  return segments
}

function headAt(file: number, path: string, offset: number): FoundSegment | undefined {
  const frame = readFrame(bytesAt(file, offset, mostHeadBytes), 0)
  if (frame?.number !== 0) return undefined
  const { log, bytes, oldest, full } = JSON.parse(frame.payload) as SegmentHead
  if (log > logVersion) throw new NewerFile(path, log, logVersion)
  return { sequence: frame.sequence, offset, bytes, oldest, full }
}

function isUnused(file: number, offset: number): boolean {
  return bytesAt(file, offset, frameHeadSize).every((byte) => byte === 0)
}

/** Reads bytes of a file, fewer at its end. */
function bytesAt(file: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length)
  let read = 0
  for (let more = 1; more > 0 && read < length; read += more) {
    more = readSync(file, buffer, read, length - read, offset + read)
  }
  return buffer.subarray(0, read)
}

function readSegment(file: number, { sequence, offset, bytes }: FoundSegment, contents: LogContents): void {
  const buffer = bytesAt(file, offset, bytes)
  for (let at = 0, number = 0; at < buffer.length; ) {
    const frame = readFrame(buffer, at)
    if (frame !== undefined && frame.sequence === sequence && frame.number >= number) {
      if (frame.number > 0) readEntries(frame.payload, contents)
      number = frame.number + 1
      at = frame.end
      continue
    }
    // Frames that check behind one that does not were written later: what lies between is damaged.
    const next = nextFrame(buffer, at, sequence, number)
    if (next === undefined) return
    contents.gaps.push({ sequence, frame: number })
    at = next
  }
}

/** Finds the next frame of a segment by the two numbers in its head; `undefined` where none checks. */
function nextFrame(buffer: Buffer, from: number, sequence: number, number: number): number | undefined {
  const mark = Buffer.alloc(4)
  mark.writeUInt32LE(sequence)
  for (let at = buffer.indexOf(mark, from + 8); at !== -1; at = buffer.indexOf(mark, at + 1)) {
    const frame = readFrame(buffer, at - 8)
    if (frame !== undefined && frame.sequence === sequence && frame.number >= number) return at - 8
  }
  return undefined
}

/** The beginning of the entry of a record that is accepted. */
const acceptMark = `[${entry.accept},`

/** The values of an entry: its kind, and those that the kind has. */
type Values = readonly [kind: number, id: number, attempt: number, now: number, last: never]

function readEntries(payload: string, contents: LogContents): void {
  for (const line of payload.split('\n')) {
    if (line.startsWith(acceptMark)) accept(parseAccepted(line), contents)
    else readEntry(JSON.parse(line) as Values, contents)
  }
}

function accept(row: RecordRow, contents: LogContents): void {
  contents.pending.set(row[0], row)
  contents.lastId = Math.max(contents.lastId, row[0])
}

function readEntry(values: Values, contents: LogContents): void {
  const { pending, failed } = contents
  const [kind, id] = values
  switch (kind) {
    case entry.synced:
      contents.synced = { sequence: id, frame: values[2] }
      return
    case entry.done:
    case entry.moved:
      for (const id of values.slice(1) as number[]) {
        pending.delete(id)
        failed.delete(id)
      }
      return
    case entry.retry: {
      const row = pending.get(id)
      const [, , attempt, now, delay] = values
      if (row !== undefined) pending.set(id, retried(row, attempt, now, delay))
      return
    }
    case entry.options: {
      const row = pending.get(id)
      const [, , options] = values
      if (row !== undefined) pending.set(id, [...row.slice(0, 4), options, ...row.slice(5)] as unknown as RecordRow)
      return
    }
    case entry.failed: {
      const row = pending.get(id)
      const [, , attempt, failedAt, text] = values
      if (row === undefined) return
      pending.delete(id)
      failed.set(id, { row, attempt, failedAt, ...parseFailure(text) })
    }
  }
}

/** Makes the row of a record that is tried again. */
export function retried(row: RecordRow, attempt: number, now: number, delay: number): RecordRow {
  return [...row.slice(0, 6), attempt, now + delay, delay, ...row.slice(9)] as unknown as RecordRow
}

/** Reads the reason of a failure, and its error, which may have many lines. */
export function parseFailure(text: string): { readonly reason: string; readonly error: string | null } {
  const end = text.indexOf('\n')
  return end === -1 ? { reason: text, error: null } : { reason: text.slice(0, end), error: text.slice(end + 1) }
}

/** Reads one accepted record; `undefined` where the file has it no more. @param offset that of its frame in the file */
export function recordAt(file: number, offset: number, id: number): RecordRow | undefined {
  const head = bytesAt(file, offset, frameHeadSize)
  if (head.length < frameHeadSize) return undefined
  const length = frameHeadSize + head.readUInt32LE(0)
  if (offset + length > fstatSync(file).size) return undefined
  const frame = readFrame(bytesAt(file, offset, length), 0)
  for (const line of frame?.payload.split('\n') ?? []) {
    if (line.startsWith(`${acceptMark}${id},`)) return parseAccepted(line)
  }
  return undefined
}
