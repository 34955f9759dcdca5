import { closeSync, fdatasync, ftruncateSync, openSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { clock } from '../../clock.ts'
import { FileIdentity } from '../files/file-identity.ts'
import { syncFolder } from '../files/folder.ts'
import { endMarkSize, logVersion, type SegmentHead, segmentUnit } from '../files/log-format.ts'
import { writeAll, writeZeros } from '../files/log-space.ts'
import { encodeTail, needsNote, segmentTailSize } from '../files/segment-tail.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { SegmentRecords } from './segment-records.ts'

/** The size of a segment in bytes, unless a record needs more, or the disk has less. */
const segmentSize = 8 * segmentUnit
/** The space in bytes that the head of a segment takes at most. */
const headSpace = 256
/** The space in bytes behind the last frame of a segment: for its end mark, and for the tail of the segment. */
const endSpace = endMarkSize + segmentTailSize

/** A segment of the log. */
export interface Segment {
  readonly offset: number
  readonly bytes: number
  sequence: number
  /** The bytes that are written, from the beginning. */
  used: number
  /** The number of the next frame. */
  frame: number
  /** The records that were accepted in this segment, and for which the log still answers. */
  readonly records: SegmentRecords
  /** The frames up to this one are on the disk for certain; -1 for none. */
  synced: number
  /** The last frame that counts, once a sync has failed. */
  until: number | undefined
  /** The last frame of which the tail tells that it was written. */
  noted: number
  /** The segments whose entries count no more, as the head tells: with `sync: 'full'` they are used again once the head is on the disk. */
  readonly freed: Segment[]
}

/** Has a segment written in full, and calls back. */
type Prepare = (offset: number, bytes: number) => void

/**
 * The file of a log, written in the thread of the requests. Segments are used in a ring: the oldest one is used again when the log answers
 * for none of its records any more. The file is made with the first record: a process that keeps nothing leaves nothing to recover.
 */
export class LogFile {
  readonly #path: string
  readonly #full: boolean
  readonly #prepare: Prepare
  #file: number | undefined
  #identity: FileIdentity | undefined
  /** The end of the last segment, which may not be written yet. */
  #end = 0
  #sequence = 0
  /** The size of the next segment. */
  #size = segmentSize
  /** The segments whose entries count, the oldest first. The last one is written to. */
  readonly #used: Segment[] = []
  readonly #free: Segment[] = []
  /** Segments that are free, which no head tells yet. */
  readonly #freed: Segment[] = []
  /** The segment that is being written in full. */
  #preparing: { readonly offset: number; readonly bytes: number } | undefined
  readonly #head = new FrameBuffer()
  /** The frame with the head of the current segment, until it is written. */
  #unwritten: Buffer | undefined
  /** The moment by `performance.now()` from which on no frame could be written. */
  #unwrittenSince: number | undefined

  /** @param full records are synced before they are acknowledged */
  constructor(path: string, full: boolean, prepare: Prepare) {
    this.#path = path
    this.#full = full
    this.#prepare = prepare
  }

  /** The time in ms for which a frame has waited that could not be written; 0 where none waits. */
  get lag(): number {
    return this.#unwrittenSince === undefined ? 0 : clock.now() - this.#unwrittenSince
  }

  /** The segment that is written to. Undefined before the first record. */
  get current(): Segment | undefined {
    return this.#used.at(-1)
  }

  /** The segments whose entries count, the oldest first. */
  get used(): readonly Segment[] {
    return this.#used
  }

  /** The log answers for no record. */
  get isEmpty(): boolean {
    return this.#used.every(({ records }) => records.size === 0)
  }

  /** The file was deleted, or another one has its name. */
  get isGone(): boolean {
    return this.#identity?.isGone ?? false
  }

  /** A frame of that size in bytes fits in the segment that is written to. */
  fits(size: number): boolean {
    const { current } = this
    return current !== undefined && current.used + size + endSpace <= current.bytes
  }

  /**
   * Goes on to a segment in which a frame of that size in bytes fits. Its head is written with its first frame: should the head alone be
   * there, entries that are written again would be in neither segment. Throws the errors of the file system.
   */
  advance(size: number): void {
    // A part of a head may be there all the same: no other segment gets its number.
    if (this.#unwritten !== undefined) this.#giveBack()
    const needed = headSpace + size + endSpace
    const ready = this.#free.findIndex((segment) => segment.bytes >= needed)
    const segment = ready === -1 ? this.#create(needed) : (this.#free.splice(ready, 1)[0] as Segment)
    const clean = segment.sequence === 0
    segment.sequence = ++this.#sequence
    segment.synced = -1
    segment.until = undefined
    segment.noted = 0
    const { sequence: oldest } = this.#used[0] ?? segment
    const { sequence: previous = 0, until } = this.current ?? {}
    const head: SegmentHead = {
      log: logVersion,
      bytes: segment.bytes,
      oldest,
      previous,
      until,
      full: this.#full,
      clean,
    }
    this.#head.add(JSON.stringify(head))
    this.#unwritten = Buffer.from(this.#head.take(segment.sequence, 0).subarray(0, -endMarkSize))
    segment.used = this.#unwritten.length
    segment.frame = 1
    segment.freed.push(...this.#freed.splice(0))
    this.#used.push(segment)
    this.prepareNext()
  }

  /** Has a segment written ahead, unless there is one: a full disk shows before a record needs the space. */
  prepareNext(): void {
    if (this.#free.length > 0 || this.#preparing !== undefined || this.#file === undefined) return
    this.#preparing = { offset: this.#end, bytes: this.#size }
    this.#end += this.#size
    this.#prepare(this.#preparing.offset, this.#size)
  }

  /** The segment that was written ahead is there, or could not be written. */
  prepared(isWritten: boolean): void {
    const preparing = this.#preparing
    if (preparing === undefined) return
    this.#preparing = undefined
    const { offset, bytes } = preparing
    if (isWritten) return void this.#free.push(emptySegment(offset, bytes))
    this.#size = segmentUnit
    if (offset + bytes === this.#end) this.#end = offset
  }

  /** Writes a frame, which fits. Throws the errors of the file system: then the next frame takes its place. */
  write(frame: FrameBuffer): void {
    const segment = this.current as Segment
    const frameBytes = frame.take(segment.sequence, segment.frame)
    const head = this.#unwritten
    const bytes = head === undefined ? frameBytes : Buffer.concat([head, frameBytes])
    const at = segment.used - (head?.length ?? 0)
    this.#unwrittenSince ??= clock.now()
    writeAll(this.#file as number, bytes, bytes.length, segment.offset + at)
    this.#unwritten = this.#unwrittenSince = undefined
    segment.used += frameBytes.length - endMarkSize
    // A frame that is synced has an entry that tells so.
    if (!this.#full && needsNote(at, at + bytes.length)) segment.noted = segment.frame
    segment.frame++
    if (this.#full) return
    if (head !== undefined) this.#noteNext(segment)
    if (segment.noted === segment.frame - 1) this.#note(segment, 0)
  }

  /** Notes in the segment before one that the log goes on there: should that one be cut off, it is missed. */
  #noteNext(segment: Segment): void {
    const before = this.#used[this.#used.indexOf(segment) - 1]
    if (before !== undefined) this.#note(before, segment.sequence)
  }

  /** Writes the tail of a segment. */
  #note({ sequence, offset, bytes, noted }: Segment, next: number): void {
    const tail = encodeTail({ sequence, written: noted, next })
    try {
      writeAll(this.#file as number, tail, tail.length, offset + bytes - tail.length)
    } catch {
      // What the tail tells of is written all the same.
    }
  }

  /** Frees the oldest segments for which the log answers no more. */
  recycle(): void {
    for (let [oldest] = this.#used; oldest !== undefined && this.#used.length > 1; [oldest] = this.#used) {
      if (oldest.records.size > 0) return
      this.#used.shift()
      if (this.#full && oldest.synced >= 0) this.#freed.push(oldest)
      else this.#free.push(oldest)
    }
  }

  /** Notes what a sync that begins now covers. @returns the function to call when it has succeeded */
  beginSync(): () => void {
    const written = this.#unwritten === undefined ? this.#used : this.#used.slice(0, -1)
    const covered = written.map((segment) => ({ segment, sequence: segment.sequence, last: segment.frame - 1 }))
    return () => {
      for (const { segment, sequence, last } of covered) {
        // The segment was freed meanwhile, and is used again.
        if (segment.sequence !== sequence) continue
        if (segment.synced < 0) this.#noteNext(segment)
        segment.synced = last
        this.#free.push(...segment.freed.splice(0))
      }
    }
  }

  /**
   * The file could not be synced. The system may have dropped what it could not write, and says so once: nothing else is written to the
   * segments that it concerns, and their frames that were not synced count no more. Segments of which nothing is synced are used again,
   * from their beginning.
   */
  syncFailed(): void {
    for (
      let last = this.current;
      last !== undefined && last.synced < 0 && last.records.size === 0;
      last = this.current
    ) {
      this.#giveBack()
    }
    const { current } = this
    if (current === undefined) return
    current.used = current.bytes
    if (current.synced >= 0) current.until = current.synced
  }

  /** Leaves the current segment, to be used again: nothing in it counts. */
  #giveBack(): void {
    const last = this.#used.pop() as Segment
    this.#unwritten = undefined
    this.#freed.push(...last.freed.splice(0))
    this.#free.unshift(last)
  }

  /** Syncs what is written, in a thread of Node's pool. The process stays until then. */
  sync(callback: (error: string | undefined) => void): void {
    fdatasync(this.#file as number, (error) => callback(error ? String(error) : undefined))
  }

  /** Closes the file. @param isEmpty the log answers for no record: the file is not needed any more */
  close(isEmpty: boolean): void {
    if (this.#file === undefined) return
    closeSync(this.#file)
    this.#file = undefined
    if (!isEmpty || this.isGone) return
    try {
      rmSync(this.#path, { force: true })
    } catch {
      // A disk that is full or read-only keeps the file: the next process finds nothing in the log.
    }
  }

  /** Writes a segment in full, now: none was written ahead. */
  #create(needed: number): Segment {
    if (this.#file === undefined) {
      this.#file = openSync(this.#path, 'wx+', 0o600)
      this.#identity = new FileIdentity(this.#path)
      // The name of a new file has to outlive the machine as well.
      if (this.#full) syncFolder(dirname(this.#path))
    }
    const least = Math.ceil(needed / segmentUnit) * segmentUnit
    const bytes = Math.max(least, this.#size)
    const offset = this.#end
    try {
      writeZeros(this.#file, offset, bytes)
    } catch (error) {
      // A segment that is written ahead meanwhile lies before this one.
      ftruncateSync(this.#file, offset)
      if (bytes === least) throw error
      // The disk is nearly full: smaller segments use the rest of it.
      this.#size = segmentUnit
      return this.#create(needed)
    }
    this.#size = Math.min(segmentSize, 2 * this.#size)
    this.#end = offset + bytes
    return emptySegment(offset, bytes)
  }
}

function emptySegment(offset: number, bytes: number): Segment {
  const records = new SegmentRecords()
  return { offset, bytes, sequence: 0, used: 0, frame: 0, records, synced: -1, until: undefined, noted: 0, freed: [] }
}
