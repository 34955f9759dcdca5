import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-lock-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const lock = () => join(folder, '1.lock')

test.each([
  ['a few bytes', 'damage'],
  ['a page', '.'.repeat(4096)],
])('a lock file with bytes in it, %s: what its dead process has left runs all the same', async (_, bytes) => {
  await using dead = await Sibling.start(folder)
  await dead.defer('hang', ['left']).id
  await dead.ran('left')
  await dead.kill()
  writeFileSync(lock(), bytes)
  await using next = await Sibling.start(folder)
  expect(await next.ran('left')).toMatchObject({ attempt: 1 })
  expect(statSync(lock()).size).toBe(0)
})

test('a lock file with bytes in it, of a process that lives: no other process takes its records', async () => {
  await using one = await Sibling.start(folder)
  await one.defer('hang', ['kept']).id
  await one.ran('kept')
  writeFileSync(lock(), 'damage')
  await using two = await Sibling.start(folder)
  // Another one dies: the second one has looked at all slots when it has taken over what that left.
  await using dead = await Sibling.start(folder)
  await dead.defer('hang', ['looked']).id
  await dead.ran('looked')
  await dead.kill()
  await Promise.race([one.ran('looked'), two.ran('looked')])
  expect(two.runs).not.toContain('kept')
  expect(statSync(lock()).size).toBe(6)
})

test.each([
  ['a few bytes', 'damage'],
  ['a page', '.'.repeat(4096)],
])('a lock file of the shared database with bytes in it, %s: what was dispatched runs', async (_, bytes) => {
  {
    await using one = await Sibling.start(folder, { options: { worker: false } })
    await one.dispatch('note', ['dispatched'])
    await one.close()
  }
  writeFileSync(join(folder, 'shared.lock'), bytes)
  await using next = await Sibling.start(folder)
  await next.ran('dispatched')
  expect(next.reports).toEqual([])
  expect(statSync(join(folder, 'shared.lock')).size).toBe(0)
})
