import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { works } from '../crash/command.ts'

/** The kinds of calls that change files, as `strike.c` has them. */
const calls = { writes: 1, syncs: 2, names: 4, sizes: 8 } as const
const all = calls.writes | calls.syncs | calls.names | calls.sizes
const growing = calls.writes | calls.names | calls.sizes
const { errno } = constants

/** The kinds of blows: what is done at a call, to how many calls from it on, and which calls are numbered. */
export const blows = {
  kill: { what: 1, count: 1, kinds: all, error: 0 },
  /** All processes at once. */
  'kill-all': { what: 2, count: 1, kinds: all, error: 0 },
  /** SIGKILL when half of a write is done. */
  torn: { what: 3, count: 1, kinds: calls.writes, error: 0 },
  EIO: { what: 4, count: 1, kinds: all, error: errno.EIO },
  /** A disk that is full for a while. */
  ENOSPC: { what: 4, count: 20, kinds: growing, error: errno.ENOSPC },
  /** A file system that becomes read-only, and stays so until the processes have ended. */
  EROFS: { what: 4, count: 2 ** 31, kinds: all, error: errno.EROFS },
  /** The folder is moved away. */
  moved: { what: 5, count: 1, kinds: all, error: 0 },
} as const
export type Blow = keyof typeof blows

/** A system call that changed a file of the folder. */
export interface NumberedCall {
  readonly number: number
  readonly pid: number
  /** The moment by the clock of the ledger. */
  readonly at: number
  readonly call: string
  /** The path from the folder on. */
  readonly file: string
}

/** Compiles `strike.c`. @param folder for what is compiled @returns the path of the library; `undefined` where there is no compiler */
export function compileStrike(folder: string): string | undefined {
  const library = join(folder, 'strike.so')
  const source = fileURLToPath(new URL('strike.c', import.meta.url))
  return works(['cc', '-O1', '-shared', '-fPIC', '-o', library, source, '-ldl']) ? library : undefined
}

/** A blow at the call with a number, of all that processes change in a folder. */
export class Strike {
  readonly #control: string
  readonly #log: string
  readonly #at: number
  readonly folder: string
  readonly env: Readonly<Record<string, string>>

  /** @param at the number of the call; 0 for no blow at all */
  constructor(library: string, parent: string, folder: string, blow: Blow, at: number) {
    this.#control = join(parent, 'strike')
    this.#log = join(parent, 'calls')
    this.#at = at
    this.folder = folder
    const { kinds, count, what, error } = blows[blow]
    const numbers = [kinds, at, count, at === 0 ? 0 : what, error, ...Array<number>(10).fill(0)]
    writeFileSync(this.#control, new Uint32Array(numbers))
    writeFileSync(this.#log, '')
    this.env = { LD_PRELOAD: library, STRIKE_PATH: folder, STRIKE_CONTROL: this.#control, STRIKE_LOG: this.#log }
  }

  /** The number of calls that were struck. */
  get struck(): number {
    return readFileSync(this.#control).readUInt32LE(6 * 4)
  }

  /** The calls so far. */
  get calls(): NumberedCall[] {
    const lines = readFileSync(this.#log, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => {
      const [number, pid, at, call = '', file = ''] = line.split(' ')
      return { number: Number(number), pid: Number(pid), at: Number(at), call, file }
    })
  }

  /** The call with the number, if there were so many. */
  get struckCall(): NumberedCall | undefined {
    return this.calls.find(({ number }) => number === this.#at)
  }
}
