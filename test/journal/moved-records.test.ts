import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { openDatabase } from '../../src/journal/files/database.ts'
import { logOf } from '../../src/journal/files/log-format.ts'
import { readLog } from '../../src/journal/files/log-reader.ts'
import { slotSize } from '../../src/journal/files/record-id.ts'
import { owner } from '../../src/journal/files/schema.ts'
import { AddedRecords } from '../../src/journal/server/added-records.ts'
import { Reports } from '../support/reports.ts'
import { Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-moved-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** The log takes several steps to read: meanwhile a database of the same slot can be looked into. */
const filler = '.'.repeat(200_000)
const whats = Array.from({ length: 30 }, (_, n) => `call-${n}`)

test.each([
  ['to the database of its slot', 'defer', slotSize],
  ['to the database of its slot, for any worker', 'dispatch', owner.free],
] as const)(
  'a record that was moved %s, by a process that was killed before its log told so, runs once',
  async (_, how, movedTo) => {
    {
      await using killed = await Sibling.start(folder)
      for (const what of whats) {
        const call = killed[how]('hang', [what, filler])
        await ('id' in call ? call.id : call)
      }
      await Promise.all(whats.map((what) => killed.ran(what)))
      await killed.kill()
    }
    // As the transaction of a move leaves it.
    using database = openDatabase(join(folder, '1.db'), 'normal', (code) => expect.unreachable(code))
    const added = new AddedRecords(database)
    for (const row of readLog(logOf(folder, 1))?.pending.values() ?? []) {
      const [id, job, version, args, options, created, attempt, runAt, delay] = row
      if (args.includes('"call-29"')) {
        added.insert([id, job, version, args, options, created, attempt, runAt, delay, movedTo, null])
      }
    }
    database.close()

    const runs: string[] = []
    const all = Promise.withResolvers<void>()
    {
      await using afterword = new Afterword({ journal: folder })
      afterword.job('hang', (what: string, _filler: string) => {
        runs.push(what)
        if (whats.every((what) => runs.includes(what))) all.resolve()
      })
      await all.promise
    }
    // What is left runs now.
    await using last = new Afterword({ journal: folder })
    last.job('hang', (what: string, _filler: string) => void runs.push(what))
    await last.job('looked', () => {}).dispatch()
    await last.drain()
    expect(runs.toSorted()).toEqual(whats.toSorted())
  },
)

test('dispatch() of 10,000 calls in one turn, which share a frame of the log, moves each of them once', async () => {
  using reports = new Reports()
  const count = 10_000
  const runs = new Map<number, number>()
  const all = Promise.withResolvers<void>()
  await using afterword = new Afterword({ journal: folder })
  const Count = afterword.job('count', (n: number, _filler: string) => {
    runs.set(n, (runs.get(n) ?? 0) + 1)
    if (runs.size === count) all.resolve()
  })
  await Promise.all(Array.from({ length: count }, (_, n) => Count.dispatch(n, '.'.repeat(200))))
  await all.promise
  await afterword.drain()
  expect([...runs.values()]).toEqual(Array(count).fill(1))
  expect(reports.codes).toEqual([])
})
