import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Sibling } from '../journal/sibling.ts'
import { canInject, Fault } from './fault.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-cancel-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** Starts a process in which one call runs, and another one waits. @returns the process, and the id of the call that waits */
async function waiting(): Promise<[Sibling, string]> {
  const sibling = await Sibling.start(folder, { limits: { hang: { concurrency: 1 } } })
  sibling.defer('hang', ['runs'])
  await sibling.ran('runs')
  return [sibling, await sibling.defer('hang', ['waits']).id]
}

/** Runs what is left. @returns the calls that ran */
async function ranAtLast(): Promise<string[]> {
  await using last = await Sibling.start(folder)
  await last.ran('runs')
  last.let('runs')
  await last.dispatch('note', ['after all others'])
  await last.ran('after all others')
  last.let('waits')
  await last.close()
  return last.runs
}

describe.skipIf(!canInject)('instance().cancel(id), on a disk that takes no write,', () => {
  test('rejects, for the call would come back if the process was killed', async () => {
    const [sibling, id] = await waiting()
    const fault = await Fault.begin(sibling, 'pwrite64:error=EIO')
    await expect(sibling.withdraw(id)).rejects.toMatchObject({ code: 'AFTERWORD_NOT_ANSWERED' })
    await sibling.kill()
    await fault.end()
    expect(await ranAtLast()).toContain('waits')
  })

  test('resolves when the disk takes writes again: the call never begins', async () => {
    const [sibling, id] = await waiting()
    const fault = await Fault.begin(sibling, 'pwrite64:error=EIO')
    const cancelled = sibling.withdraw(id)
    await fault.end()
    expect(await cancelled).toBe(true)
    await sibling.kill()
    expect(await ranAtLast()).not.toContain('waits')
  })
})
