import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Call } from './trace.ts'

type Change = { readonly at: number; readonly data: Buffer } | { readonly size: number } | 'unlink'

/** A model of a disk: the files of a folder that may be left when the power is cut, from the system calls up to then. */
export class Disk {
  readonly #folder: string
  readonly #files = new Map<string, File>()

  constructor(folder: string) {
    this.#folder = folder
  }

  apply({ name, file, data, numbers, result }: Call): void {
    if (result < 0) return
    if (file === this.#folder && name.endsWith('sync')) {
      for (const file of this.#files.values()) file.syncName()
    }
    // The shared memory of a WAL is made anew, as is the note of who has a slot.
    if (dirname(file) !== this.#folder || file.endsWith('-shm') || file.endsWith('.owner')) return
    const state = this.#files.get(basename(file)) ?? new File()
    this.#files.set(basename(file), state)
    if (name.endsWith('sync')) state.sync()
    // Of a small file, written once and in full.
    else if (name === 'write') state.changes.push({ at: 0, data })
    else if (name === 'pwrite64') state.changes.push({ at: Number(numbers.at(-1)), data })
    else if (name === 'ftruncate') state.changes.push({ size: Number(numbers.at(-1)) })
    else if (name === 'unlink') state.changes.push('unlink')
    else throw new Error(`${name} of ${file}: a way to write that is not known here`)
  }

  /** Writes one of the ways in which it may look afterwards into a new folder. */
  write(folder: string, random: () => number): void {
    mkdirSync(folder)
    const sector = random() < 0.5 ? 512 : 4096
    for (const [name, file] of this.#files) {
      const content = file.guess(random, sector)
      if (content.exists) writeFileSync(join(folder, name), content.bytes)
    }
  }
}

class File {
  /** The bytes that are on the disk for certain. */
  readonly #synced = new Content()
  /** The writes that may be there, or not, or in part. */
  changes: Change[] = []

  sync(): void {
    for (const change of this.changes) this.#synced.change(change)
    this.#synced.exists = true
    this.changes = []
  }

  /** The name of the file is on the disk, or its removal. */
  syncName(): void {
    const gone = this.changes.lastIndexOf('unlink')
    if (gone < 0) return
    this.#synced.change('unlink')
    this.changes = this.changes.slice(gone + 1)
  }

  /** @param sector the bytes that are written, or not, as one */
  guess(random: () => number, sector: number): Content {
    const content = this.#synced.copy()
    for (const change of this.changes) {
      const fate = random()
      if (fate < 0.4) content.change(change)
      else if (fate > 0.55 && typeof change === 'object' && 'data' in change) {
        if (fate > 0.8) content.change(torn(change, random))
        else for (const part of holed(change, random, sector)) content.change(part)
      }
    }
    return content
  }
}

/** Any of the sectors, in any order: the others are as they were. */
function holed({ at, data }: { at: number; data: Buffer }, random: () => number, sector: number): Change[] {
  const parts: Change[] = []
  for (let from = 0, to = 0; from < data.length; from = to) {
    to = Math.min(data.length, from + sector - ((at + from) % sector))
    if (random() < 0.5) parts.push({ at: at + from, data: data.subarray(from, to) })
  }
  return parts
}

/** Up to some byte as it was meant; from there on not written, or zeros, or anything. */
function torn({ at, data }: { at: number; data: Buffer }, random: () => number): Change {
  const length = Math.floor(random() * data.length)
  const rest = Math.floor(random() * 3)
  const part = Buffer.from(rest === 0 ? data.subarray(0, length) : data)
  if (rest === 1) part.fill(0, length)
  if (rest === 2) for (let i = length; i < part.length; i++) part[i] = Math.floor(random() * 256)
  return { at, data: part }
}

/** The state of a file. */
class Content {
  exists = false
  #room = Buffer.alloc(4096)
  #size = 0

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#size)
  }

  change(change: Change): void {
    this.exists = change !== 'unlink'
    if (change === 'unlink') this.#resize(0)
    else if ('size' in change) this.#resize(change.size)
    else {
      this.#resize(Math.max(this.#size, change.at + change.data.length))
      change.data.copy(this.#room, change.at)
    }
  }

  copy(): Content {
    const copy = new Content()
    copy.exists = this.exists
    copy.#room = Buffer.from(this.bytes)
    copy.#size = this.#size
    return copy
  }

  #resize(size: number): void {
    if (size > this.#room.length) this.#room = Buffer.concat([this.bytes], 2 * size)
    this.#room.fill(0, size, this.#size)
    this.#size = size
  }
}
