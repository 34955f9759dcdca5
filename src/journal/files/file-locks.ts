import { closeSync, openSync, readdirSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import { devNull } from 'node:os'

/** The system's page about a descriptor: its locks follow four short lines. An idle process reads it every second, hence no `readFile`. */
const info = Buffer.alloc(4096)

/**
 * The locks of a file by which a process shows that it is in use. POSIX locks belong to a process, and are dropped when any handle of
 * the file is closed in it: a copy of the folder does that. Only Linux tells of them.
 */
export class FileLocks {
  readonly #descriptors: readonly number[]

  /** @param path a file that this process has open and locked @param guess the descriptor that its handle has, if nothing came between */
  constructor(path: string, guess?: number) {
    const descriptors = descriptorsOf(path, guess)
    // A file system may tell of no locks at all.
    this.#descriptors = descriptors.some((descriptor) => isLocked(descriptor) === true) ? descriptors : []
  }

  /** The locks are gone. False where the system does not tell. */
  get areDropped(): boolean {
    return this.#descriptors.length > 0 && this.#descriptors.every((descriptor) => isLocked(descriptor) === false)
  }
}

/** Finds the descriptors of a file that this process has open; none where the system does not tell. */
function descriptorsOf(path: string, guess?: number): number[] {
  try {
    const file = realpathSync(path)
    // A server may have many thousands of descriptors.
    if (guess !== undefined && fileOf(guess) === file && isLocked(guess)) return [guess]
    return openDescriptors(file)
  } catch {
    return []
  }
}

const openDescriptors = (file: string) =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .filter((descriptor) => fileOf(descriptor) === file)

/** Tells whether this process may have a file open: to open and close the file would drop its locks. True as well where the system does not tell. */
export function mayBeOpen(path: string): boolean {
  try {
    return openDescriptors(realpathSync(path)).length > 0
  } catch {
    return true
  }
}

/** The descriptor that the next file has which this process opens; `undefined` where there is none. */
export function nextDescriptor(): number | undefined {
  try {
    const descriptor = openSync(devNull, 'r')
    closeSync(descriptor)
    return descriptor
  } catch {
    return undefined
  }
}

function fileOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return undefined
  }
}

/**
 * The descriptor has a lock: https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
 * @returns `undefined` where the system does not tell: this process may open no more files, for example
 */
function isLocked(descriptor: number): boolean | undefined {
  try {
    const file = openSync(`/proc/self/fdinfo/${descriptor}`, 'r')
    try {
      return info.toString('latin1', 0, readSync(file, info)).includes('lock:')
    } finally {
      closeSync(file)
    }
  } catch (error) {
    // A descriptor that is closed has none.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? false : undefined
  }
}
