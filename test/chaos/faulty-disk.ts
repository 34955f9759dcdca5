import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, mkdirSync, openSync, readSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRoot, works } from '../crash/command.ts'
import { canInject, Fault } from '../crash/fault.ts'

export type FaultKind =
  | 'full'
  | 'write-error'
  | 'sync-error'
  | 'read-error'
  | 'open-error'
  | 'no-files'
  | 'slow'
  | 'stalled'

/** The bytes by which a small disk is smaller than the others. */
const smallDisk = '48m'

/** The abilities of this machine to make faults. */
export class Abilities {
  /** The path of the shim, compiled. */
  readonly shim: string | undefined
  readonly canMount: boolean
  /** The number of files that a living process may open can be set. */
  readonly canLimit = works(['prlimit', '--pid', String(process.pid), '--nofile'])

  /** @param folder for what is compiled */
  constructor(folder: string) {
    const shim = join(folder, 'shim.so')
    const source = fileURLToPath(new URL('shim.c', import.meta.url))
    this.shim = works(['cc', '-O1', '-shared', '-fPIC', '-o', shim, source, '-ldl']) ? shim : undefined
    const mount = join(folder, 'mount')
    mkdirSync(mount)
    this.canMount = isRoot && works(['mount', '-t', 'tmpfs', 'tmpfs', mount])
    if (this.canMount) spawnSync('umount', [mount])
  }

  /** Faults that this machine can't make, each with the reason. */
  get missing(): string[] {
    const missing: string[] = []
    if (this.shim === undefined && !canInject) {
      missing.push('errors of writes, syncs, reads and opens, slow and stalled disks: neither cc nor strace (as root)')
    } else if (this.shim === undefined) missing.push('errors of reads and opens: no cc')
    if (!this.canLimit) missing.push('processes that may open no more files: no prlimit')
    if (!this.canMount) {
      const instead = this.shim !== undefined || canInject ? 'ENOSPC of each write instead' : 'not done at all'
      missing.push(`a disk that is really full, as only root may mount one: ${instead}`)
    }
    return missing
  }
}

/** The bytes for the shim: percent of writes, syncs, reads, opens that fail; full; and ms that writes and syncs wait. */
const bytes: Readonly<Record<Exclude<FaultKind, 'no-files'>, readonly number[]>> = {
  'write-error': [30, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  'sync-error': [0, 50, 0, 0, 0, 0, 0, 0, 0, 0],
  'read-error': [0, 0, 20, 0, 0, 0, 0, 0, 0, 0],
  'open-error': [0, 0, 0, 60, 0, 0, 0, 0, 0, 0],
  full: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
  slow: [0, 0, 0, 0, 0, 0, 3, 0, 25, 0],
  stalled: [0, 0, 0, 0, 0, 0, 300 & 255, 300 >> 8, 1000 & 255, 1000 >> 8],
}

/** Faults as `strace` makes them, as far as it goes. */
const injected: Readonly<Partial<Record<FaultKind, string>>> = {
  'write-error': 'pwrite64:error=EIO:when=2+3',
  'sync-error': 'fsync,fdatasync:error=EIO:when=2+2',
  full: 'pwrite64:error=ENOSPC',
  slow: 'fsync,fdatasync:delay_enter=25000',
  stalled: 'fsync,fdatasync:delay_enter=1000000',
}

const noFault = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

/** A disk for a folder, which fails when it is told to. */
export class FaultyDisk {
  /** The folder on the disk. */
  readonly folder: string
  /** The faults that happened, by their kinds. */
  readonly happened = new Map<FaultKind, number>()
  readonly #abilities: Abilities
  readonly #control: string
  #isMounted: boolean
  #end: (() => Promise<void> | void) | undefined

  constructor(parent: string, small: boolean, abilities: Abilities) {
    this.#abilities = abilities
    this.folder = join(parent, 'disk')
    this.#control = join(parent, 'control')
    mkdirSync(this.folder)
    writeFileSync(this.#control, Buffer.alloc(16))
    this.#isMounted = small && abilities.canMount
    if (this.#isMounted) {
      const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${smallDisk}`, 'tmpfs', this.folder])
      if (status !== 0) throw new Error(`mount: ${stderr}`)
    }
  }

  /** The environment of processes that use the disk. */
  get env(): Record<string, string> {
    const { shim } = this.#abilities
    return shim === undefined ? {} : { LD_PRELOAD: shim, SHIM_PATH: this.folder, SHIM_CONTROL: this.#control }
  }

  /** Lets faults happen until `repair`. @param pids the processes that live @returns whether this machine can */
  async fail(kind: FaultKind, pids: readonly number[]): Promise<boolean> {
    await this.repair()
    if (kind === 'no-files') return this.#limit(pids)
    if (kind === 'full' && this.#isMounted) this.#fill()
    else if (this.#abilities.shim !== undefined) this.#set(kind)
    else if (!(await this.#inject(kind, pids))) return false
    return true
  }

  /** Resolves when the disk works again. */
  async repair(): Promise<void> {
    const end = this.#end
    this.#end = undefined
    await end?.()
  }

  /** Takes the disk away; its processes have ended. Its files are left in a folder in its place. */
  async end(): Promise<void> {
    await this.repair()
    if (!this.#isMounted) return
    this.#isMounted = false
    const copy = `${this.folder}-copy`
    cpSync(this.folder, copy, { recursive: true })
    spawnSync('umount', [this.folder])
    rmSync(this.folder, { recursive: true })
    renameSync(copy, this.folder)
  }

  #count(kind: FaultKind, more: number): void {
    this.happened.set(kind, (this.happened.get(kind) ?? 0) + more)
  }

  #fill(): void {
    const path = join(this.folder, 'filler')
    const file = openSync(path, 'w')
    for (const size of [2 ** 16, 2 ** 12]) {
      try {
        for (const part = Buffer.alloc(size); writeSync(file, part) === size; );
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
    closeSync(file)
    this.#count('full', 1)
    this.#end = () => rmSync(path)
  }

  /** Lets processes open no further file, nor socket. */
  #limit(pids: readonly number[]): boolean {
    if (!this.#abilities.canLimit) return false
    const set = (limit: string) => pids.filter((pid) => works(['prlimit', '--pid', String(pid), `--nofile=${limit}:`]))
    this.#count('no-files', set('4').length)
    this.#end = () => void set('1024')
    return true
  }

  #set(kind: Exclude<FaultKind, 'no-files'>): void {
    const file = openSync(this.#control, 'r+')
    writeSync(file, Buffer.from(bytes[kind]), 0, noFault.length, 0)
    this.#end = () => {
      writeSync(file, Buffer.from(noFault), 0, noFault.length, 0)
      const count = Buffer.alloc(4)
      readSync(file, count, 0, 4, 12)
      this.#count(kind, count.readUInt32LE())
      writeSync(file, Buffer.alloc(4), 0, 4, 12)
      closeSync(file)
    }
  }

  async #inject(kind: FaultKind, pids: readonly number[]): Promise<boolean> {
    const what = injected[kind]
    if (what === undefined || !canInject) return false
    const faults = await Promise.allSettled(pids.map((pid) => Fault.begin({ program: { pid } }, what)))
    this.#end = async () => {
      for (const fault of faults) if (fault.status === 'fulfilled') await fault.value.end()
    }
    this.#count(kind, faults.filter(({ status }) => status === 'fulfilled').length)
    return true
  }
}
