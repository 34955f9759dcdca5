import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openAppDatabaseJournal } from '../../src/journal/app-database-journal.ts'
import { blockSize } from '../../src/journal/files/record-id.ts'
import { openFolderJournal } from '../../src/journal/folder-journal.ts'
import type { Journal } from '../../src/task/record.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-ids-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const settings = { retention: 0, maxFailed: 0, maxPayload: 100, holdTimeout: 1000 }
const owner = {
  take: () => {},
  rooms: () => [],
  roomFor: () => Infinity,
  whenRoom: () => {},
  withdraw: () => undefined,
  running: () => [],
  setPaused: () => {},
}
const journals: Record<string, () => Journal> = {
  'in a folder': () => openFolderJournal({ path: folder, sync: 'normal', ...settings }, owner),
  "in an app's own database": () =>
    openAppDatabaseJournal({ database: new DatabaseSync(join(folder, 'app.db')), ...settings }, owner),
}

test.each(Object.keys(journals))(
  'a process that gives more record ids than a block has: the next process gives others, %s',
  async (place) => {
    const open = () => (journals[place] as () => Journal)()
    const first = open()
    const call = { job: 'note', version: 1, args: [] }
    const firstId = first.create(call).id
    // Only the last one is stored.
    for (let i = 0; i < blockSize; i++) first.create(call)
    const last = first.create(call)
    last.submit(() => {})
    await last.accepted
    last.finish({ status: 'done', value: undefined }, 1)
    await first.close(0)
    const second = open()
    expect(Number.parseInt(second.create(call).id, 36)).toBeGreaterThan(Number.parseInt(last.id, 36))
    expect(Number.parseInt(last.id, 36)).toBeGreaterThan(Number.parseInt(firstId, 36) + blockSize)
    await second.close(0)
  },
)
