import { fstatSync } from 'node:fs'
import { clock } from '../../clock.ts'
import { bytesAt } from './file-read.ts'
import { LogBytes } from './log-bytes.ts'
import { entry, frameHeadSize, parseAccepted, type RecordRow, readFrame, segmentUnit } from './log-format.ts'
import { brokenFrame, brokenRows } from './log-salvage.ts'
import { type FoundSegment, findSegments, type Place } from './log-segments.ts'
import { PendingRecords } from './pending-records.ts'
import type { Range } from './record-places.ts'
import { segmentTailSize } from './segment-tail.ts'
import { isUnread } from './sqlite-errors.ts'

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
  readonly pending: PendingRecords
  readonly failed: Map<number, LoggedFailure>
  /** The records in frames that don't check, as they can be read, and the places of those. */
  readonly broken: Map<number, { readonly row: RecordRow; readonly place: Place }>
  /** The highest id that was given; 0 for none. */
  lastId: number
  /** The places where frames that were written don't check. */
  readonly gaps: Place[]
  /** The number of pages that can't be read. */
  badPages: number
  /** With `sync: 'full'`, the frames up to this one were synced. */
  synced: Place | undefined
}

/**
 * The log is damaged: frames that were on the disk don't check any more. With `sync: 'full'`, a power cut leaves gaps among the frames that
 * were not synced yet, which is none.
 */
export function isDamaged(contents: LogContents): boolean {
  const { badPages, pending, gaps } = contents
  return badPages > 0 || pending.unreadable > 0 || gaps.some((place) => wasWritten(place, contents))
}

/** The failures of a log. Among them are the records of damaged frames: what they were called with is not certain. */
export function failuresOf(contents: LogContents): Map<number, LoggedFailure> {
  const { failed, broken, pending } = contents
  const damaged = [...broken].filter(([id, { place }]) => wasWritten(place, contents) && !pending.has(id))
  const failedAt = clock.date()
  const error = 'Its entry in the log was damaged.'
  return new Map([
    ...damaged.map(([id, { row }]) => [id, { row, attempt: row[6], failedAt, reason: 'damaged', error }] as const),
    ...failed,
  ])
}

/** A frame was there for certain; one that was not synced yet may never have been. */
function wasWritten({ sequence, frame }: Place, { synced }: LogContents): boolean {
  if (synced === undefined) return true
  return sequence === synced.sequence ? frame <= synced.frame : sequence < synced.sequence
}

/** Reads a log; `undefined` where there is none. Throws the errors of the file system. */
export function readLog(path: string): LogContents | undefined {
  let last: LogContents | undefined
  for (const contents of readSegments(path)) last = contents
  return last
}

/**
 * Reads a log segment by segment, the oldest first, and yields the contents so far. Yields nothing where there is no log. Throws the
 * errors of the file system.
 * @param salvage pages that can't be read are passed over: the log is damaged then
 */
export function* readSegments(path: string, salvage = false): Generator<LogContents> {
  const log = LogBytes.openIfThere(path, salvage)
  if (log === undefined) return
  try {
    yield* readAll(log, salvage)
  } finally {
    log.close()
  }
}

function* readAll(log: LogBytes, salvage: boolean): Generator<LogContents> {
  const { segments, gaps, synced } = findSegments(log)
  const pending = new PendingRecords(log.path, salvage)
  const contents: LogContents = { pending, failed: new Map(), broken: new Map(), lastId: 0, gaps, badPages: 0, synced }
  let space = Buffer.alloc(0)
  for (const segment of segments) {
    if (segment.bytes > space.length) space = Buffer.allocUnsafe(segment.bytes)
    const bytes = log.at(segment.offset, segment.bytes, space)
    readSegment(bytes, segment, contents)
    // A segment is written in full before its first use.
    if (bytes.length < segment.bytes) gaps.push({ sequence: segment.sequence, frame: 0 })
    contents.badPages = log.badPages
    yield contents
  }
  contents.badPages = log.badPages
  yield contents
}

function readSegment(
  bytes: Buffer,
  { sequence, offset, head, tail, until = Number.POSITIVE_INFINITY }: FoundSegment,
  contents: LogContents,
): void {
  // What an earlier use of the segment has left has lower ids.
  const { lastId } = contents
  const buffer = tail === undefined ? bytes : bytes.subarray(0, -segmentTailSize)
  for (let at = 0, number = 0; at < buffer.length && number <= until; ) {
    const frame = readFrame(buffer, at)
    if (frame !== undefined && frame.sequence === sequence && frame.number >= number) {
      if (frame.number > until) return
      const place = { sequence, frame: frame.number }
      if (frame.number > 0) readEntries(frame.payload, offset + at + frameHeadSize, place, contents)
      number = frame.number + 1
      at = frame.end
      continue
    }
    // Frames that check behind one that does not were written later: what lies between is damaged.
    const next = nextFrame(buffer, at, sequence, number)
    const place = { offset: offset + at, sequence, number, clean: head?.clean, written: tail?.written ?? 0 }
    const broken = next === undefined ? brokenFrame(buffer.subarray(at), place) : buffer.subarray(at, next)
    if (broken !== undefined) readBroken(broken, { sequence, frame: number }, lastId, contents)
    if (next === undefined) return
    at = next
  }
}

function readBroken(bytes: Buffer, place: Place, after: number, contents: LogContents): void {
  contents.gaps.push(place)
  for (const row of brokenRows(bytes)) if (row[0] > after) contents.broken.set(row[0], { row, place })
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
const acceptBytes = Buffer.from(acceptMark)
const lineBreak = 10
const zero = 48

/** The values of an entry: its kind, and those that the kind has. */
type Values = readonly [kind: number, id: number, attempt: number, now: number, last: never]

/** Reads the entries of a frame. @param offset that of the payload in the file */
function readEntries(payload: Buffer, offset: number, place: Place, contents: LogContents): void {
  for (let start = 0, end: number; start < payload.length; start = end + 1) {
    end = lineEnd(payload, start)
    const id = acceptedId(payload, start)
    try {
      if (id !== undefined) accept(id, { offset: offset + start, length: end - start }, contents)
      else readEntry(JSON.parse(payload.toString('utf8', start, end)) as Values, contents)
    } catch (error) {
      if (isUnread(error)) throw error
      contents.gaps.push(place)
    }
  }
}

/** The end of the line that begins there. */
function lineEnd(payload: Buffer, start: number): number {
  const next = payload.indexOf(lineBreak, start)
  return next === -1 ? payload.length : next
}

/** Reads the id of an entry that accepts a record: most entries do, and the rest of one is read when it is needed. */
function acceptedId(payload: Buffer, start: number): number | undefined {
  for (let at = 0; at < acceptBytes.length; at++) if (payload[start + at] !== acceptBytes[at]) return undefined
  let id = 0
  for (let at = start + acceptBytes.length; ; at++) {
    const digit = (payload[at] as number) - zero
    if (!(digit >= 0 && digit <= 9)) return Number.isSafeInteger(id) ? id : undefined
    id = 10 * id + digit
  }
}

function accept(id: number, range: Range, contents: LogContents): void {
  contents.pending.add(id, range)
  contents.lastId = Math.max(contents.lastId, id)
}

function readEntry(values: Values, contents: LogContents): void {
  const { pending, failed, broken } = contents
  const [kind, id] = values
  switch (kind) {
    case entry.synced:
      // More may be known to be synced already.
      if (!wasWritten({ sequence: id, frame: values[2] }, contents))
        contents.synced = { sequence: id, frame: values[2] }
      return
    case entry.done:
    case entry.moved:
      for (const id of values.slice(1) as number[]) {
        pending.delete(id)
        failed.delete(id)
        broken.delete(id)
        contents.lastId = Math.max(contents.lastId, id)
      }
      return
    case entry.retry: {
      const [, , attempt, now, delay] = values
      return pending.change(id, { attempt, runAt: now + delay, delay })
    }
    case entry.options:
      return pending.change(id, { options: values[2] as unknown as string })
    case entry.failed: {
      const row = pending.get(id)
      const [, , attempt, failedAt, text] = values
      if (row === undefined) return
      pending.delete(id)
      failed.set(id, { row, attempt, failedAt, ...parseFailure(text) })
    }
  }
}

/** Reads the reason of a failure, and its error, which may have many lines. */
export function parseFailure(text: string): { readonly reason: string; readonly error: string | null } {
  const end = text.indexOf('\n')
  return end === -1 ? { reason: text, error: null } : { reason: text.slice(0, end), error: text.slice(end + 1) }
}

/** A record in the log. `isBroken`: its frame does not check, and the values of the record may be damaged. */
interface LoggedRecord {
  readonly row: RecordRow
  readonly isBroken: boolean
}

/** Finds an accepted record of a frame; `undefined` where the file has it no more. */
export type FindRecord = (id: number) => LoggedRecord | undefined

/**
 * Reads a frame, which may have the records of thousands of calls: those are found without reading it again. Throws the errors of the file
 * system.
 * @param offset that of the frame in the file
 */
export function recordsAt(file: number, offset: number): FindRecord {
  const head = bytesAt(file, offset, frameHeadSize)
  if (head.length < frameHeadSize) return () => undefined
  const most = fstatSync(file).size - offset
  const bytes = bytesAt(file, offset, Math.min(frameHeadSize + head.readUInt32LE(0), most))
  const frame = readFrame(bytes, 0)
  if (frame !== undefined) return recordsIn(frame.payload)
  // A length that is damaged: the records of a frame are far less than a segment.
  const rows = brokenRows(bytesAt(file, offset, Math.min(most, 8 * segmentUnit)))
  return (id) => {
    const row = rows.find(([found]) => found === id)
    return row && { row, isBroken: true }
  }
}

function recordsIn(payload: Buffer): FindRecord {
  const entries = new Map<number, Range>()
  for (let start = 0, end: number; start < payload.length; start = end + 1) {
    end = lineEnd(payload, start)
    const id = acceptedId(payload, start)
    if (id !== undefined) entries.set(id, { offset: start, length: end - start })
  }
  return (id) => {
    const found = entries.get(id)
    if (found === undefined) return undefined
    const line = payload.toString('utf8', found.offset, found.offset + found.length)
    return { row: parseAccepted(line), isBroken: false }
  }
}
