import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ThreadChannel } from '../../src/journal/client/channel.ts'
import { Codec } from '../../src/journal/client/codec.ts'
import { LogFile } from '../../src/journal/client/log-file.ts'
import { LogQueue } from '../../src/journal/client/log-queue.ts'
import { LogSync } from '../../src/journal/client/log-sync.ts'
import { StoredRecord } from '../../src/journal/client/stored-record.ts'
import { WriteQueue } from '../../src/journal/client/write-queue.ts'
import { isDamaged, type LogContents, readLog } from '../../src/journal/files/log-reader.ts'
import { slotSize } from '../../src/journal/files/record-id.ts'

const first = slotSize
const path = () => join(folder, '1.log')
let folder: string
let queue: LogQueue
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-failed-sync-'))
  const file = new LogFile(path(), true, () => {})
  // The journal's thread is not started: the test answers for it, at the worst moment.
  const options = { folder, process: first, sync: 'full', retention: 0, maxFailed: 1, lost: [], keyIds: [] } as const
  const database = new WriteQueue('own', new ThreadChannel({ ...options, lost: [], keyIds: [] }))
  queue = new LogQueue({ file, database, sync: new LogSync({ file, longest: 60_000, ask: () => {} }) })
})
afterEach(() => {
  queue.end()
  rmSync(folder, { recursive: true, force: true })
})

const codec = new Codec({ maxPayload: 1024 * 1024 })

/** Has the queue accept a record. */
function accept(n: number, args = `["job-${n}"]`): StoredRecord {
  const row = [first + n, 'send', 1, args, null, 0, 0, 0, 0, first, null] as const
  const record = new StoredRecord(queue, first + n, { added: { row, accepting: queue }, codec, job: 'send' })
  record.submit(() => {})
  record.accepted.catch(() => {})
  return record
}

/** The log as the recovery of a process finds it that is killed now. */
const contents = () => readLog(path()) as LogContents
const pending = () => [...contents().pending.keys()].map((id) => id - first)

test('a sync fails while records of the same turn are not written yet: those keep to their segment, and none that is refused is recovered', async () => {
  const kept = accept(1)
  await kept.accepted
  const written = accept(2)
  queue.flush()
  const waiting = [accept(3), accept(4)]
  queue.answered(2, 'EIO')
  expect([written, ...waiting].map(({ refusal }) => refusal?.code)).toEqual(Array(3).fill('AFTERWORD_JOURNAL_REFUSED'))
  // The refusals are known from now on.
  expect(pending()).toEqual([1])
  const later = accept(5)
  await later.accepted
  queue.flush()
  expect(pending()).toEqual([1, 5])
  expect(isDamaged(contents())).toBe(false)
})

test('a sync that fails over several segments gives them up: the log is whole, none that is refused is recovered', async () => {
  const kept = accept(1)
  await kept.accepted
  const large = `["${'x'.repeat(200_000)}"]`
  const written = Array.from({ length: 9 }, (_, i) => accept(2 + i, large))
  queue.flush()
  queue.answered(2, 'EIO')
  expect(written.filter(({ refusal }) => refusal === undefined)).toEqual([])
  expect(pending()).toEqual([1])
  const later = accept(20)
  await later.accepted
  queue.flush()
  expect(pending()).toEqual([1, 20])
  expect(isDamaged(contents())).toBe(false)
})

test('the log does not go back to an older segment whose records are refused later in the file', async () => {
  const kept = accept(1)
  await kept.accepted
  // The first segment has room for a small frame, not for this record.
  const large = accept(2, `["${'x'.repeat(524_200)}"]`)
  queue.flush()
  queue.answered(2, 'EIO')
  expect(large.refusal?.code).toBe('AFTERWORD_JOURNAL_REFUSED')
  expect(pending()).toEqual([1])
})
