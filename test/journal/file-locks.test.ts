import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Program } from '../support/program.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-locks-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test('FileLocks: a lock that can not be looked at, for want of files, is not taken for dropped', async () => {
  await using program = new Program(new URL('programs/file-locks.ts', import.meta.url), {
    args: [folder],
    under: ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"'],
  })
  expect(await program.message('looked')).toMatchObject({ code: 'EMFILE', areDropped: false })
})
