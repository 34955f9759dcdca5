import { readSync } from 'node:fs'
import { clock } from '../../clock.ts'

/** The number of times that a part of a file is read at most, and the time in ms for which it is tried: a bad sector may take seconds each time. */
const mostReads = 20
const longestRead = 200

/** The bytes that are read at once where a part of a file can't be read as a whole. */
const pageSize = 4096

/**
 * Fills a buffer from an offset of a file on, as far as the file goes. One error tells nothing: the read is tried again. Throws the errors
 * of the file system that last. @returns the number of bytes
 */
export function readInto(file: number, buffer: Buffer, offset: number): number {
  let read = 0
  for (let more = 1; more > 0 && read < buffer.length; read += more) {
    more = readAgain(file, buffer.subarray(read), offset + read)
  }
  return read
}

function readAgain(file: number, buffer: Buffer, offset: number): number {
  const until = clock.now() + longestRead
  for (let tries = mostReads; ; tries--) {
    try {
      return readSync(file, buffer, 0, buffer.length, offset)
    } catch (error) {
      if (tries === 1 || clock.now() > until) throw error
    }
  }
}

/** Reads bytes of a file, fewer at its end. Throws the errors of the file system. */
export function bytesAt(file: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length)
  return buffer.subarray(0, readInto(file, buffer, offset))
}

/**
 * Fills a buffer from an offset of a file on, as far as the file goes.
 * @returns also the offsets of the pages that can't be read, and that are zeros instead
 */
export function readableBytesAt(file: number, offset: number, buffer: Buffer): { bytes: Buffer; bad: number[] } {
  try {
    return { bytes: buffer.subarray(0, readInto(file, buffer, offset)), bad: [] }
  } catch {
    const bad: number[] = []
    let end = 0
    for (let next = 0; end < buffer.length; ) {
      next = Math.min(buffer.length, end + pageSize - ((offset + end) % pageSize))
      const page = buffer.subarray(end, next)
      try {
        const read = readInto(file, page, offset + end)
        end += read
        if (end < next) break
      } catch {
        bad.push(Math.floor((offset + end) / pageSize) * pageSize)
        page.fill(0)
        end = next
      }
    }
    return { bytes: buffer.subarray(0, end), bad }
  }
}
