import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { FailedRecords } from '../../src/journal/failed-records.ts'
import { Inspector } from '../../src/journal/inspector.ts'
import { Reports } from '../support/reports.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-inspector-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Leaves failed records of the job "send" in the shared database. */
async function fail(count: number): Promise<void> {
  await using afterword = new Afterword({ journal: folder })
  using _reports = new Reports()
  const Send = afterword.job('send', () => Promise.reject(new Error('refused')), { retries: 0 })
  // A unique key makes a record shared.
  const calls = Array.from({ length: count }, (_, n) => Send.with({ key: String(n) }).defer())
  await Promise.all(calls.map(({ outcome }) => outcome))
}

test('FailedRecords waits for another writer without stopping the requests of its process', async () => {
  await fail(1)
  await using server = createServer((_req, res) => res.end('answered')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  using writer = new DatabaseSync(join(folder, 'shared.db'))
  writer.exec('BEGIN IMMEDIATE')
  await using failed = new FailedRecords(folder)
  // Reading is allowed: from here on the thread has opened the files.
  expect(await failed.count()).toBe(1)
  let isDone = false
  const discarded = failed.discard().next()
  void discarded.then(() => (isDone = true))
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await response.text()).toBe('answered')
  expect(isDone).toBe(false)
  writer.exec('COMMIT')
  expect((await discarded).value).toMatchObject([{ done: true }])
  expect(await failed.count()).toBe(0)
})

test('Inspector.records() yields pages, and an iteration can end early', async () => {
  await fail(501)
  await using inspector = new Inspector(folder)
  const sizes: number[] = []
  for await (const page of inspector.records({ state: 'failed' })) sizes.push(page.length)
  expect(sizes).toEqual([500, 1])
  for await (const [record] of inspector.records({ state: 'failed' })) {
    expect(record).toMatchObject({ job: 'send', state: 'failed', reason: 'failed' })
    expect(await inspector.find(record?.id ?? '')).toEqual(record)
    break
  }
  expect(await inspector.find('0')).toBeUndefined()
  expect((await inspector.databases()).map(({ failed }) => failed)).toEqual([0, 501])
})

test.each([[{}], [{ job: 'send' }], [{ state: 'failed' as const }]])(
  'Inspector.records(%j) reads no more than the page that is asked for, of a hundred thousand',
  async (filter) => {
    await fail(1)
    {
      using database = new DatabaseSync(join(folder, 'shared.db'))
      database.exec(`
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
        INSERT INTO afterword_failed (key, job, version, args, created, attempt, reason, error, failed_at)
        SELECT key + n, job, version, args, created, attempt, reason, error, failed_at FROM afterword_failed, numbers`)
    }
    await using inspector = new Inspector(folder)
    await inspector.find('0')
    const begun = performance.now()
    let first = Number.POSITIVE_INFINITY
    let count = 0
    for await (const page of inspector.records(filter)) {
      first = Math.min(first, performance.now() - begun)
      count += page.length
    }
    expect(count).toBe(100_001)
    // One of two hundred pages, on a machine that may have other things to do meanwhile.
    expect(first).toBeLessThan((performance.now() - begun) / 2)
  },
)

test('Inspector answers calls that are made at once, each by itself', async () => {
  await fail(2)
  await using inspector = new Inspector(folder)
  const [databases, pages] = await Promise.all([inspector.databases(), inspector.records({ state: 'failed' }).next()])
  expect(databases.at(-1)).toMatchObject({ name: 'shared', failed: 2 })
  expect(pages.value).toHaveLength(2)
})

test('Inspector rejects the first call where there is no journal', async () => {
  await using inspector = new Inspector(join(folder, 'missing'))
  await expect(inspector.databases()).rejects.toThrow('does not exist')
})
