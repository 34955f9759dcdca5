import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Afterword } from '../../src/index.ts'
import { Reports } from '../support/reports.ts'
import { compiledOnce, Sibling } from './sibling.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'afterword-versions-'))))
afterEach(() => rmSync(folder, { recursive: true }))

/** Lists a folder by the command line. */
async function listed(): Promise<{ job: string; state: string; version: number }[]> {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const args = ['--disable-warning=ExperimentalWarning', main, 'list', folder, '--json']
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, ...compiledOnce, NODE_OPTIONS: '' },
  })
  return JSON.parse(stdout)
}

/** A process that dies while jobs of these arguments run, deferred there. */
async function leave(what: string[], settings: { version?: number; job?: string; key?: string } = {}): Promise<void> {
  const { job = 'hang', version, key } = settings
  await using killed = await Sibling.start(folder, {
    options: { worker: false },
    ...(version !== undefined && { version }),
  })
  await Promise.all(what.map((each) => killed.defer(job, [each], key === undefined ? {} : { key: key + each }).id))
  await Promise.all(what.map((each) => killed.ran(each)))
  await killed.kill()
}

const places: Record<string, (what: string, version?: number) => Promise<void>> = {
  async 'was dispatched'(what, version) {
    await using web = await Sibling.start(folder, { options: { worker: false }, ...(version && { version }) })
    await web.dispatch('hang', [what])
    await web.close()
  },
  'was left by a dead process': (what, version) => leave([what], version === undefined ? {} : { version }),
  'was left by a dead process, and has a key': (what, version) =>
    leave([what], { key: 'k', ...(version && { version }) }),
}

test.each(Object.keys(places))(
  'a record that %s waits until a process knows its job and version, and runs there',
  async (place) => {
    await places[place]?.('newer', 2)
    await using stranger = await Sibling.start(folder, { knows: ['note'] })
    await stranger.dispatch('note', ['looked'], { delay: 1 })
    await stranger.ran('looked')
    expect(await listed()).toMatchObject([{ job: 'hang', version: 2, state: 'unknown' }])
    await using older = await Sibling.start(folder, { name: 'older' })
    await older.dispatch('other', ['looked'], { delay: 1 })
    await older.ran('looked')
    expect(await listed()).toMatchObject([{ job: 'hang', version: 2, state: 'unknown' }])
    await using newer = await Sibling.start(folder, { version: 2 })
    await newer.ran('newer')
    expect(await listed()).toMatchObject([{ job: 'hang', version: 2, state: 'running' }])
    expect([...stranger.runs, ...older.runs]).toEqual(['looked', 'looked'])
  },
)

test('a record of an older version runs in a process of a newer one', async () => {
  await places['was left by a dead process']?.('older')
  await using newer = await Sibling.start(folder, { version: 3, upgrades: true })
  expect(await newer.ran('older')).toMatchObject({ rest: ['of version 1'] })
})

test('job.with({ version }) stores a call for processes that know only the earlier version', async () => {
  await using newer = await Sibling.start(folder, { version: 2, upgrades: true, options: { worker: false } })
  await newer.dispatch('note', ['for all'], { version: 1 })
  await newer.dispatch('note', ['for newer ones'])
  await using older = await Sibling.start(folder)
  expect(await older.ran('for all')).toMatchObject({ rest: [] })
  await older.dispatch('note', ['looked'], { delay: 1 })
  await older.ran('looked')
  expect(older.runs).toEqual(['for all', 'looked'])
  // In its own process the same call is upgraded.
  await newer.defer('note', ['here'], { version: 1 }).id
  expect(await newer.ran('here')).toMatchObject({ rest: ['of version 1'] })
  await newer.work()
  expect(await newer.ran('for newer ones')).toMatchObject({ rest: [] })
})

test.each([
  ['with a journal', () => ({ journal: folder })],
  ['in memory', () => ({})],
])('upgrade() makes old arguments new ones, %s', async (where, options) => {
  await using afterword = new Afterword(options())
  using reports = new Reports()
  const seen: unknown[] = []
  const Send = afterword.job('send', (user: { id: number }) => void seen.push(user, afterword.currentTask()?.attempt), {
    version: 3,
    upgrade: (args, version) => {
      seen.push(version)
      if (args[0] < 0) throw new Error('no such user')
      return [{ id: args[0] }]
    },
    retries: 1,
    backoff: 0,
  })
  await Send.with<[id: number]>({ version: 1 }).defer(7).outcome
  await Send.with<[id: number]>({ version: 2 }).defer(8).outcome
  await Send.with({ version: 3 }).defer({ id: 9 }).outcome
  expect(seen).toEqual([1, { id: 7 }, 1, 2, { id: 8 }, 1, { id: 9 }, 1])
  // What throws is an attempt like any other.
  const failed = await Send.with<[id: number]>({ version: 1 }).defer(-1).outcome
  expect(failed).toMatchObject({ status: 'failed', error: { message: 'no such user' } })
  expect(seen.slice(8)).toEqual([1, 1])
  const codes =
    where === 'with a journal' ? ['AFTERWORD_TASK_RETRIED', 'AFTERWORD_TASK_FAILED'] : ['AFTERWORD_TASK_FAILED']
  expect(reports.codes).toEqual(codes)
})

describe('the option version', () => {
  test.each([
    [3, 'job("send").with: expected version to be a whole number, 1 to 2, got 3'],
    [0, 'got 0'],
    [1.5, 'got 1.5'],
    [Infinity, 'got Infinity'],
  ])('refuses a version that the job does not have: %s', async (version, message) => {
    await using afterword = new Afterword()
    const Send = afterword.job('send', () => {}, { version: 2 })
    expect(() => Send.with({ version })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION', message: expect.stringContaining(message) }),
    )
  })

  test.each([Infinity, 2 ** 60, 0, 1.5])('refuses a version that can not be stored: %s', async (version) => {
    await using afterword = new Afterword()
    expect(() => afterword.job('send', () => {}, { version })).toThrow(
      expect.objectContaining({ code: 'AFTERWORD_INVALID_OPTION' }),
    )
  })
})
