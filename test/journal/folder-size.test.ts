import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { folderSize } from '../../tools/folder-size.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-size-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const text = 'x'.repeat(1024)

test('the journal folder does not grow with the records that have passed', async () => {
  await using afterword = new Afterword({ journal: folder })
  const Send = afterword.job('send', (_text: string) => {})
  let most = 0
  // 50 MiB in all, one at most there at once.
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 1024 }, () => Send.defer(text).outcome))
    most = Math.max(most, folderSize(folder))
  }
  expect(most).toBeGreaterThan(0)
  expect(most).toBeLessThan(12)
})

test('the space of a backlog goes back to the disk when the process ends', async () => {
  const afterword = new Afterword({ journal: folder })
  const { promise: gate, resolve: open } = Promise.withResolvers<void>()
  const Send = afterword.job('send', (_text: string) => gate)
  const tasks = Array.from({ length: 20_480 }, () => Send.defer(text))
  await Promise.all(tasks.map(({ accepted }) => accepted))
  expect(folderSize(folder)).toBeGreaterThan(20)
  open()
  await afterword.close()
  expect(folderSize(folder)).toBeLessThan(1)
})
