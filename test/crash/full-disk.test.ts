import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isRoot, works } from './command.ts'
import { Host } from './host.ts'

/** A file system of its own for the journal of a host, in memory. */
class SmallDisk implements Disposable {
  readonly #folder: string
  readonly #filler: string

  constructor({ journal }: Host) {
    mkdirSync(journal)
    this.#folder = journal
    this.#filler = join(journal, 'filler')
    if (!works(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', journal])) throw new Error('Nothing was mounted')
  }

  /** Fills the disk. @param free the bytes that are left */
  fill(free: number): void {
    const file = openSync(this.#filler, 'w')
    try {
      for (const bytes = Buffer.alloc(4096); ; ) writeSync(file, bytes)
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
    }
    closeSync(file)
    const { size } = statSync(this.#filler)
    if (free > 0) spawnSync('truncate', ['-s', String(size - free), this.#filler])
  }

  empty(): void {
    rmSync(this.#filler)
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['--lazy', this.#folder])
  }
}

test.skipIf(!isRoot || !works(['unshare', '--mount', 'true'])).each([
  ['nothing', 0],
  ['room for the lock alone', 16 * 1024],
  ['room for some files', 100 * 1024],
])(
  'configure({ journal: { required: false } }) lets the app start on a disk with %s left: jobs are refused, and kept when there is room',
  async (_, free) => {
    await using host = new Host()
    using disk = new SmallDisk(host)
    disk.fill(free)
    const server = await host.start('started', { env: { REQUIRED: 'false' } })
    expect(await server.ask('/note/refused')).toBe(503)
    disk.empty()
    await expect.poll(() => server.ask('/note/kept'), { timeout: 60_000 }).toBe(200)
    await host.ledger.run('kept')
    await server.keep('/wait/left')
    await server.kill()
    await host.start('next')
    await host.ledger.run('left', ({ by }) => by === 'next')
    expect(host.ledger.of('refused')).toEqual([])
  },
)
