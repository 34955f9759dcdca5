import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/journal/files/database.ts'
import { type Message, Program } from '../support/program.ts'
import { canInject } from './fault.ts'

test.skipIf(!canInject)('a read that fails is no damage: the database stays where it is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-read-error-'))
  const path = join(folder, 'shared.db')
  openDatabase(path, 'normal', (code) => expect.unreachable(code)).close()
  {
    using database = new DatabaseSync(path)
    const add = database.prepare(
      `INSERT INTO afterword_failed VALUES (?, 'send', 1, ?, NULL, 0, 1, NULL, 'failed', NULL, 0)`,
    )
    for (let i = 1; i <= 50; i++) add.run(i, 'x'.repeat(500))
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }
  const outcomes = new Set<string>()
  // Each read of its own, then all from one on.
  for (const when of ['2', '4', '6', '8', '10', '3+', '9+']) {
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
