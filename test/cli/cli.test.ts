import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

let folder: string
let ids: string[]

/** A journal with two failed records and a pending one, of a process that has ended. */
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'afterword-cli-'))
  using _reports = new Reports()
  const afterword = new Afterword({ journal: folder, shutdownTimeout: 0 })
  const Fail = afterword.job('fail', (_what: object) => Promise.reject(new TypeError('no luck')), { retries: 0 })
  const Later = afterword.job('later', (_n: number) => {})
  const failed = [Fail.defer({ n: 1, at: new Date(0) }), Fail.defer({ n: 2, at: new Date(0) })]
  await Promise.all(failed.map(({ outcome }) => outcome))
  ids = [...failed.map(({ id }) => id), await Later.with({ delay: 3_600_000 }).dispatch(3)]
  await afterword.close()
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** As `npx afterword` runs it. */
function afterword(...args: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' } }
    const flags = ['--disable-warning=ExperimentalWarning', main]
    execFile(process.execPath, [...flags, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

const json = async (...args: string[]) => JSON.parse((await afterword(...args, '--json')).stdout)

test('status counts', async () => {
  const { code, stdout } = await afterword('status', folder)
  expect(code).toBe(0)
  expect(stdout).toMatch(/^slot {2}held by {2}pending {2}failed {2}size\n1 {5}nobody {3}1 {8}2 {7}\d+ KiB\n$/)
  await using _living = new Afterword({ journal: folder })
  expect(await json('status', folder)).toMatchObject([{ slot: 1, alive: true, pending: 1, failed: 2 }])
})

test('list and show tell of each record', async () => {
  const { stdout } = await afterword('list', folder)
  const [head, first, , third] = stdout.split('\n')
  expect(head).toMatch(/^id +state +job +attempts +deferred +error$/)
  expect(first).toMatch(new RegExp(`^${ids[0]} +failed +fail +1 +\\d{4}-.*Z +TypeError: no luck$`))
  expect(third).toMatch(new RegExp(`^${ids[2]} +pending +later +0 +`))
  expect(await json('show', folder, String(ids[0]))).toMatchObject({
    id: ids[0],
    state: 'failed',
    reason: 'failed',
    args: [{ n: 1, at: '1970-01-01T00:00:00.000Z' }],
    error: expect.stringContaining('TypeError: no luck\n'),
  })
  expect(await afterword('show', folder, '1-1-zz')).toMatchObject({ code: 1, stdout: 'There is no record 1-1-zz.\n' })
})

test('retry makes a record pending, and a living process runs it', async () => {
  await using living = new Afterword({ journal: folder })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  living.job('fail', (what: object) => resolve([living.currentTask()?.id, living.currentTask()?.attempt, what]))
  const { code, stdout } = await afterword('retry', folder, String(ids[1]))
  expect([code, stdout]).toEqual([0, `${ids[1]} is pending again\n`])
  expect(await promise).toEqual([ids[1], 1, { n: 2, at: new Date(0) }])
})

test('discard deletes, one or all', async () => {
  expect(await afterword('discard', folder, String(ids[0]))).toMatchObject({ code: 0 })
  expect(await afterword('discard', folder, String(ids[0]))).toMatchObject({ code: 1 })
  // What is pending is nobody's to delete.
  expect(await afterword('discard', folder, String(ids[2]))).toMatchObject({ code: 1 })
  expect(await json('discard', folder, '--all')).toEqual([{ id: ids[1], done: true }])
  expect(await json('list', folder)).toMatchObject([{ id: ids[2], state: 'pending' }])
})

test.each([
  [],
  ['status'],
  ['unknown', 'folder'],
  ['show', 'folder'],
  ['retry', 'folder'],
  ['status', 'folder', '--wrong'],
])('what it does not understand, it says: %s', async (...args) => {
  const { code, stderr } = await afterword(...args)
  expect(code).toBe(2)
  expect(stderr).toContain('afterword <command> <folder of the journal>')
  expect(stderr).toMatch(/retry <folder> <id>\|--all +make failed records pending again/)
})

test('a folder that is none', async () => {
  const { code, stderr } = await afterword('status', join(folder, 'nothing'))
  expect([code, stderr]).toEqual([1, expect.stringContaining("The journal can't be opened in the folder")])
})
