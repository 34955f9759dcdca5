import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Inspector } from '../../src/journal/inspector.ts'
import { type Message, Program } from '../support/program.ts'
import type { BatchingSettings } from './programs/batching.ts'
import { compiledOnce } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-batch-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const never = 3_600_000

function start(settings: BatchingSettings): Program {
  return new Program(new URL('programs/batching.ts', import.meta.url), {
    args: [folder, JSON.stringify(settings)],
    env: compiledOnce,
  })
}

/** A process that has accepted items, and is killed before, or while, they run. */
async function leave(settings: BatchingSettings, until: 'accepted' | 'ran' = 'accepted'): Promise<void> {
  await using first = start(settings)
  await first.message(until)
  first.kill()
  await first.exited
}

const runsOf = (program: Program) =>
  program.messages.filter(({ type }) => type === 'ran').map(({ items }) => items as number[])

/** Resolves with the runs of a program, when these have had all items. */
async function ranAll(program: Program, count: number): Promise<number[][]> {
  await program.message<Message>('ran', () => new Set(runsOf(program).flat()).size === count)
  return runsOf(program)
}

/** Resolves when no record is pending, or failed. */
async function emptied(): Promise<void> {
  for (;;) {
    await using inspector = new Inspector(folder)
    const counts = (await inspector.databases()).map(({ pending, failed }) => pending + failed)
    if (counts.every((count) => count === 0)) return
  }
}

describe('the items of a batch, with a journal,', () => {
  test('survive a kill while they wait for others, and run together in the next process', async () => {
    await leave({ items: 5, within: never })
    await using next = start({ within: 500 })
    expect(await ranAll(next, 5)).toEqual([[0, 1, 2, 3, 4]])
    await emptied()
  })

  test('survive a kill while they run', async () => {
    await leave({ items: 5, size: 5, hangs: true }, 'ran')
    await using next = start({ within: 500 })
    expect((await ranAll(next, 5)).flat().sort()).toEqual([0, 1, 2, 3, 4])
    await emptied()
  })

  test('run in runs of their size, and wait for no more than the worker claims', async () => {
    await leave({ items: 40, size: 1000, within: never })
    await using next = start({ size: 8, within: never, concurrency: 10 })
    const runs = await ranAll(next, 40)
    expect(runs.every((items) => items.length <= 8)).toBe(true)
    expect(runs.flat()).toHaveLength(40)
    await emptied()
  })

  test('wait for no others where the worker claims one at a time', async () => {
    await leave({ items: 3, within: never })
    await using next = start({ within: never, concurrency: 1 })
    expect((await ranAll(next, 3)).length).toBe(3)
    await emptied()
  })

  test('are tried again after a run that fails, also those that were found', async () => {
    await leave({ items: 4, within: never })
    await using next = start({ within: 200, failing: [2] })
    await ranAll(next, 4)
    await next.message(
      'ran',
      () =>
        runsOf(next)
          .flat()
          .filter((item) => item === 2).length === 2,
    )
    await emptied()
    expect(next.messages.filter(({ type }) => type === 'report')).toEqual([])
  })

  test('are settled once they have run: the next process finds none', async () => {
    await using first = start({ items: 5, size: 5 })
    await ranAll(first, 5)
    first.send({ type: 'close' })
    await first.message('closed')
    await using inspector = new Inspector(folder)
    const counts = (await inspector.databases()).map(({ pending, failed }) => [pending, failed])
    expect(counts.flat().every((count) => count === 0)).toBe(true)
  })

  test('stay for the next process at a shutdown that has no time for them', async () => {
    await using first = start({ items: 3, size: 3, hangs: true })
    await first.message('ran')
    first.send({ type: 'close' })
    await first.message('closed')
    first.kill()
    await using next = start({ within: 500 })
    expect(await ranAll(next, 3)).toEqual([[0, 1, 2]])
  })

  test('live in memory with keep: false', async () => {
    await leave({ items: 5, within: never, keep: false })
    await using inspector = new Inspector(folder)
    expect((await inspector.databases()).every(({ pending }) => pending === 0)).toBe(true)
  })
})
