import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/journal/files/database.ts'
import { readableBytesAt } from '../../src/journal/files/file-read.ts'
import { Sibling } from '../journal/sibling.ts'
import { type Message, Program } from '../support/program.ts'
import { canInject } from './fault.ts'

/** A command under which reads of files fail: each n-th, or all. */
function failing(paths: readonly string[], when: string): string[] {
  const files = paths.flatMap((path) => ['-P', path])
  const calls = 'pread64,read'
  return [
    'strace',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    ...files,
    '-e',
    `trace=${calls}`,
    '-e',
    `inject=${calls}:error=EIO:when=${when}`,
  ]
}

const asideIn = (folder: string) => readdirSync(folder).filter((name) => name.includes('damaged'))

test.skipIf(!canInject)('a read that fails is no damage: the database stays where it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-read-error-'))
  const path = join(folder, 'shared.db')
  openDatabase(path, 'normal', (code) => expect.unreachable(code)).close()
  {
    using database = new DatabaseSync(path)
    const add = database.prepare(
      `INSERT INTO afterword_failed (key, job, version, args, created, attempt, reason, failed_at) VALUES (?, 'send', 1, ?, 0, 1, 'failed', 0)`,
    )
    for (let i = 1; i <= 50; i++) add.run(i, 'x'.repeat(500))
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }
  const outcomes = new Set<string>()
  // Each read of its own, then all from one on.
  for (const when of ['2', '4', '6', '8', '10', '1+2', '2+3', '1+4', '3+', '9+']) {
    const inject = `pread64:error=EIO:when=${when}`
    await using program = new Program(new URL('programs/open-database.ts', import.meta.url), {
      args: [path],
      under: ['strace', '-f', '-qq', '-o', '/dev/null', '-P', path, '-e', 'trace=pread64', '-e', `inject=${inject}`],
    })
    const ended = ['opened', 'failed'].map((type) => program.message<Message & { reports: string[] }>(type))
    const { type, reports } = await Promise.any(ended)
    outcomes.add(type)
    expect(reports).toEqual([])
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([])
  }
  expect(outcomes).toContain('failed')
  rmSync(folder, { recursive: true })
})

describe.skipIf(!canInject)('reads that fail again and again', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-read-error-'))))
  afterEach(() => rmSync(folder, { recursive: true }))
  const path = (name: string) => join(folder, name)

  test('in all files of a process, one of sixty of the first reads: no file is moved aside, no record is set aside, all jobs run', async () => {
    const files = ['1.db', '1.db-wal', '1.log', '2.db', '2.db-wal', '2.log', 'shared.db', 'shared.db-wal'].map(path)
    const whats = Array.from({ length: 20 }, (_, n) => `job-${n}`)
    {
      await using before = await Sibling.start(folder, { options: { worker: false } })
      for (const what of whats) await before.dispatch('note', [what], { delay: 1 })
      await before.close()
    }
    // Reads are counted for each thread. SQLite has to read some dozens in a row without an error, or no thread gets to work.
    await using one = await Sibling.start(folder, {}, failing(files, '2..4000+60'))
    for (const what of whats) await one.ran(what)
    for (const what of whats) await one.dispatch('note', [`more-${what}`], { delay: 1 })
    for (const what of whats) await one.ran(`more-${what}`)
    await one.close()
    expect(asideIn(folder)).toEqual([])
    const codes = ['AFTERWORD_JOURNAL_DAMAGED', 'AFTERWORD_SET_ASIDE']
    expect(one.reports.filter((code) => codes.includes(code))).toEqual([])
  })

  /** Leaves a slot of a dead process, with a record in its database and one in its log. */
  async function leaveSlot(): Promise<void> {
    {
      await using one = await Sibling.start(folder, { knows: ['hang'] })
      await one.defer('hang', ['in-database']).id
      await one.kill()
    }
    // Its record goes to the database of the slot, which the process releases, since it does not know the job.
    {
      await using two = await Sibling.start(folder, { knows: ['note'] })
      await expect.poll(() => existsSync(path('1.log')), { timeout: 30_000 }).toBe(false)
      await two.close()
    }
  }

  test('in the database of a dead process: the others start and work; its records run once the file can be read', async () => {
    await leaveSlot()
    {
      const files = [path('1.db'), path('1.db-wal')]
      await using three = await Sibling.start(folder, { knows: ['hang', 'note'] }, failing(files, '1+'))
      await three.dispatch('note', ['dispatched'], { delay: 1 })
      await three.defer('note', ['deferred']).id
      for (const what of ['dispatched', 'deferred']) await three.ran(what)
      await expect.poll(() => three.reports, { timeout: 30_000 }).toContain('AFTERWORD_JOURNAL_BEHIND')
      expect(three.runs).not.toContain('in-database')
      await three.close()
    }
    expect(asideIn(folder)).toEqual([])
    await using four = await Sibling.start(folder, { knows: ['hang', 'note'] })
    await four.ran('in-database')
  })

  test('in the log of a dead process, for long: it is moved aside and reported, and the others work meanwhile', async () => {
    {
      await using one = await Sibling.start(folder, { knows: ['hang'] })
      await one.defer('hang', ['in-log']).id
      await one.kill()
    }
    await using two = await Sibling.start(folder, {}, failing([path('1.log')], '1+'))
    await two.dispatch('note', ['dispatched'], { delay: 1 })
    await two.defer('note', ['deferred']).id
    for (const what of ['dispatched', 'deferred']) await two.ran(what)
    await two.program.message('report', ({ code }) => code === 'AFTERWORD_JOURNAL_DAMAGED')
    expect(asideIn(folder)).toEqual([expect.stringMatching(/^1\.log\.damaged/)])
    await two.close()
  }, 60_000)
})

test.skipIf(process.platform !== 'linux')(
  'readableBytesAt() reads the pages that can be read, and tells of the others',
  () => {
    // The memory of this process is a file, in which reads fail where nothing is mapped.
    const maps = readFileSync('/proc/self/maps', 'latin1').matchAll(/^([0-9a-f]+)-([0-9a-f]+) r/gm)
    const areas = Array.from(
      maps,
      ([, from, to]) => [Number.parseInt(String(from), 16), Number.parseInt(String(to), 16)] as const,
    )
    const gap = areas.findIndex(([, to], i) => (areas[i + 1]?.[0] ?? 0) - to >= 2 * 4096 && to < 2 ** 47)
    const end = areas[gap]?.[1] as number
    const file = openSync('/proc/self/mem', 'r')
    const { bytes, bad } = readableBytesAt(file, end - 4096 - 100, Buffer.alloc(3 * 4096))
    closeSync(file)
    expect(bytes).toHaveLength(3 * 4096)
    expect(bad).toEqual([end, end + 4096])
  },
)
