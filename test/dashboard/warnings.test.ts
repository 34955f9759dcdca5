import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dashboard } from '../../src/dashboard/dashboard.ts'
import type { WarningView } from '../../src/dashboard/views.ts'
import { pgBoss } from '../../src/engines/pg-boss.ts'
import { configure, instance } from '../../src/index.ts'
import { Sibling } from '../journal/sibling.ts'
import { serve } from '../support/local-site.ts'
import { Reports } from '../support/reports.ts'
import { EventStream } from './event-stream.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-warnings-'))))
afterEach(async () => {
  await instance().close()
  rmSync(folder, { recursive: true })
})

/** The first warning of a dashboard whose id begins so. */
async function warningOf(id: string, store?: string): Promise<WarningView> {
  await using site = await serve(instance(), dashboard(store === undefined ? {} : { store }))
  await using events = await EventStream.open(`${site.url}/events`)
  const isIt = (warning: WarningView) => warning.id.startsWith(id)
  const { warnings } = await events.next('now', ({ warnings }) => warnings.some(isIt))
  return warnings.find(isIt) as WarningView
}

test('a warning tells that the folder of the journal could not be opened', async () => {
  using _reports = new Reports()
  // A file is no folder.
  writeFileSync(join(folder, 'file'), '')
  configure({ journal: { path: join(folder, 'file'), required: false }, signals: false })
  expect(await warningOf('journal-closed')).toMatchObject({
    isGrave: true,
    text: 'The folder of the journal could not be opened.',
  })
})

test('a warning tells that the engine is away, and for how long', async () => {
  using _reports = new Reports()
  configure({ engine: pgBoss({ connectionString: 'postgres://127.0.0.1:1/none' }), signals: false })
  const { isGrave, text } = await warningOf('engine-away')
  expect([isGrave, text]).toEqual([true, expect.stringMatching(/^The engine does not answer(, for \d+ m?s| yet)\.$/)])
})

test('a warning names the record whose run was under way at each end of its process', async () => {
  // The first end tells nothing, the second makes a suspect, and the third ends its first trial.
  for (let life = 1; life <= 3; life++) {
    await using sibling = await Sibling.start(folder)
    if (life === 1) await sibling.defer('kill', ['killer', 0]).id.catch(() => {})
    await sibling.program.exited
  }
  const { isGrave, text } = await warningOf('near-poison', folder)
  expect([isGrave, text]).toEqual([
    true,
    expect.stringMatching(
      /^The record \S+ of "kill" ran \d times when its process ended\. Soon it is listed as failed/,
    ),
  ])
})
