import { AfterwordError } from '../errors.ts'
import { decode, encode } from '../journal/format/encoding.ts'
import { type BoundOptions, checkBound } from '../options/task-options.ts'
import type { EngineClaim } from './engine.ts'

export function encodeOptions(options: BoundOptions | undefined): string | undefined {
  return options === undefined ? undefined : encode([options])
}

/** Reads what was stored with a call. @throws AfterwordError `AFTERWORD_UNREADABLE` */
export function decodeCall({ id, job, args, options }: EngineClaim) {
  try {
    return { args: decode(args), options: options === undefined ? undefined : checkBound(decode(options)[0]) }
  } catch (cause) {
    throw new AfterwordError('AFTERWORD_UNREADABLE', [job, id, (cause as Error).message], { cause })
  }
}
