import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Program } from '../support/program.ts'

const file = new URL('programs/frozen-intrinsics.ts', import.meta.url)

test('a process with --frozen-intrinsics runs tasks and jobs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'afterword-frozen-'))
  await using program = new Program(file, { nodeArgs: ['--frozen-intrinsics'], env: { FROZEN_FOLDER: folder } })
  expect(await program.exited).toEqual({ code: 0, signal: null })
  expect(program.messages.map(({ type }) => type)).toEqual(['hi', 'task', 'job'])
  rmSync(folder, { recursive: true })
})
