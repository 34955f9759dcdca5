import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { runtimes } from '../../tools/runtimes.ts'

const program = fileURLToPath(new URL('programs/process-life.ts', import.meta.url))
// Workers have no disk.
const { Workers: _, ...ofDisks } = runtimes

/** Runs the program once. @returns its output, and the signal that ended it */
function live(runtime: keyof typeof ofDisks, folder: string, life: string) {
  const { executable, args } = ofDisks[runtime]
  return new Promise<{ lines: string[]; signal: string | null | undefined; stderr: string }>((resolve) => {
    execFile(
      executable,
      [...args, program, folder, life],
      { env: { ...process.env, NODE_OPTIONS: '' } },
      (error, stdout, stderr) => resolve({ lines: stdout.trim().split('\n'), signal: error?.signal, stderr }),
    )
  })
}

describe.each(Object.keys(ofDisks) as (keyof typeof ofDisks)[])('the journal on %s', (runtime) => {
  test('runs a job again that ran when the process was killed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'afterword-runtime-'))
    try {
      const first = await live(runtime, folder, 'begin')
      expect(first).toMatchObject({ signal: 'SIGKILL', lines: [expect.stringContaining('"to":"a@b.c","at":7')] })
      const second = await live(runtime, folder, 'again')
      expect(second, second.stderr).toMatchObject({ lines: [...first.lines, 'closed'] })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
