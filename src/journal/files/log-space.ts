import { writeSync } from 'node:fs'
import { segmentUnit } from './log-format.ts'

const zeros = Buffer.alloc(segmentUnit)

/** Writes a segment in full, before it is used. Throws the errors of the file system. @param bytes a multiple of `segmentUnit` */
export function writeZeros(file: number, offset: number, bytes: number): void {
  for (let at = 0; at < bytes; at += segmentUnit) writeAll(file, zeros, segmentUnit, offset + at)
}

/** Writes all bytes: the system may take a part of them only, where the disk is nearly full. */
export function writeAll(file: number, buffer: Uint8Array, length: number, position: number): void {
  for (let written = 0; written < length; ) {
    written += writeSync(file, buffer, written, length - written, position + written)
  }
}
