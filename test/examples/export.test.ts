import { readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Example } from './example.ts'

const server = fileURLToPath(new URL('../../examples/export/server.ts', import.meta.url))

test('examples/export answers requests while it writes', async () => {
  await using example = await Example.start({ executable: process.execPath, args: [server] })
  const ask = async (method: string) =>
    (await (await fetch(example.url, { method })).json()) as { written: number; rows: number; file: string }
  const { rows, file } = await ask('POST')
  try {
    const seen = new Set<number>()
    for (let written = 0; written < rows; { written } = await ask('GET')) seen.add(written)
    // Not only the first row and the last one: it went on between the answers.
    expect(seen.size).toBeGreaterThan(5)
    await example.prints(`exported ${rows} rows`)
    expect(await example.end()).toBe(0)
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(rows + 1)
  } finally {
    rmSync(file, { force: true })
  }
})
